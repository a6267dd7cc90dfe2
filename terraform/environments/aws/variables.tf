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

variable "scheduler_zip" {
  description = "Path of the scheduler function's zip, built for arm64."
  type        = string
}

variable "public_base_url" {
  description = "Where the world reaches the HTTP API, by a domain of its own, without a slash at the end; null for the API's own address."
  type        = string
  default     = null
}

variable "allowed_origins" {
  description = "Web pages that may call the HTTP API from a browser, each as `https://host`."
  type        = list(string)
  default     = []
}

variable "auth_issuer" {
  description = "Who makes the users' tokens, e.g. `https://abc.supabase.co/auth/v1`; null lets no user call."
  type        = string
  default     = null
}

variable "delivery_retention_days" {
  description = "Days that deliveries stay in the database before they are archived to the payload bucket."
  type        = number
  default     = 30
}

variable "scheduler_reserved_concurrency" {
  description = "Environments kept for the scheduler function, and its limit; null shares the account's."
  type        = number
  default     = 1
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

variable "realtime_zip" {
  description = "Path of the realtime function's zip, built for arm64."
  type        = string
}

variable "dashboard_zip" {
  description = "Path of the dashboard function's zip."
  type        = string
}

variable "app_url" {
  description = "Where the world reaches the dashboard, by a domain of its own, without a slash at the end; null for its API's own address."
  type        = string
  default     = null
}

variable "auth_key" {
  description = "The public key of the Supabase project (`sb_publishable_…`), which its sign-in wants of every page."
  type        = string
  default     = null
}

variable "admin_zip" {
  description = "Path of the admin function's zip, built for arm64."
  type        = string
}
