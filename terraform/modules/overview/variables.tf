variable "name" {
  description = "Name of the dashboard."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "function_names" {
  description = "Names of the functions that are shown."
  type        = list(string)
}

variable "apis" {
  description = "The HTTP APIs that are shown, each with its id and its name."
  type        = map(object({ id = string, name = string }))
}

variable "queue_names" {
  description = "Names of the queues that are shown."
  type        = list(string)
}

variable "dead_letter_queue_names" {
  description = "Names of their dead-letter queues."
  type        = list(string)
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the functions' own metrics."
  type        = string
}

variable "alarm_arns" {
  description = "ARNs of the alarms that are shown."
  type        = list(string)
}
