variable "region" {
  description = "AWS region that everything is made in; choose the one where the database is."
  type        = string
  default     = "ap-southeast-2"
}

variable "environment" {
  description = "Name of the environment; it is part of every name, so that several fit into one account."
  type        = string
  default     = "production"
}

variable "webhook_zip" {
  description = "Path of the webhook function's zip, built for arm64."
  type        = string
}

variable "worker_zip" {
  description = "Path of the worker function's zip, built for arm64."
  type        = string
}

variable "webhook_reserved_concurrency" {
  description = "Environments kept for the webhook function, and its limit; null shares the account's."
  type        = number
  default     = null
}

variable "worker_maximum_concurrency" {
  description = "Workers that the job queue starts at the most; each holds one database connection."
  type        = number
  default     = 10
}

variable "alarm_topic_arns" {
  description = "SNS topics told when a message arrives in the dead-letter queue and when the queue is empty again; without one the alarm shows in the console only."
  type        = list(string)
  default     = []
}
