variable "name" {
  description = "What the names of the alarms that belong to no single part begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "topic_arns" {
  description = "SNS topics told when an alarm goes off and when it is over; an empty list shows the alarms in the console only."
  type        = list(string)
}

variable "function_names" {
  description = "Names of the functions that are watched."
  type        = set(string)
}

variable "apis" {
  description = "The HTTP APIs that are watched, each with its id and its name."
  type        = map(object({ id = string, name = string }))
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the functions' own metrics."
  type        = string
}

variable "error_percent" {
  description = "Percentage of failures, of one minute, beyond which a function or an API counts as failing."
  type        = number
  default     = 5

  validation {
    condition     = var.error_percent >= 0 && var.error_percent < 100
    error_message = "The percentage must be at least 0 and below 100."
  }
}

variable "lag_seconds" {
  description = "Seconds that a due job may wait for a worker."
  type        = number
  default     = 300

  validation {
    condition     = var.lag_seconds >= 120
    error_message = "The seconds must be at least 120: the scheduler rings for lost jobs once a minute."
  }
}

variable "failed_jobs_per_minute" {
  description = "Jobs that may fail in a minute, of all tenants together."
  type        = number
  default     = 6

  validation {
    condition     = var.failed_jobs_per_minute >= 0
    error_message = "The number must not be negative."
  }
}
