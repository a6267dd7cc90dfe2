variable "environment" {
  description = "Name of the environment; it is part of every name, so that several fit into one account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "The environment must be 2 to 16 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "architecture" {
  description = "Processor that the functions' binaries were built for: arm64 or x86_64."
  type        = string
}

variable "webhook_zip" {
  description = "Path of the webhook function's zip."
  type        = string
}

variable "worker_zip" {
  description = "Path of the worker function's zip."
  type        = string
}

variable "provider_endpoints" {
  description = "Where the providers are, without a slash at the end; the defaults are the real ones."
  type = object({
    xero_api_url        = optional(string, "https://api.xero.com/api.xro/2.0")
    xero_token_url      = optional(string, "https://identity.xero.com/connect/token")
    hubspot_api_url     = optional(string, "https://api.hubapi.com")
    hubspot_api_version = optional(string, "2026-03")
  })
  default = {}

  validation {
    condition     = alltrue([for url in [var.provider_endpoints.xero_api_url, var.provider_endpoints.xero_token_url, var.provider_endpoints.hubspot_api_url] : can(regex("^https?://.*[^/]$", url))])
    error_message = "Each provider URL must start with http:// or https:// and not end in a slash."
  }
}

variable "disposable" {
  description = "Whether the environment may be destroyed with its payloads and secrets, at once and for good."
  type        = bool
  default     = false
}

variable "webhook_reserved_concurrency" {
  description = "Environments kept for the webhook function, and its limit; null shares the account's."
  type        = number
  default     = null
}

variable "worker_maximum_concurrency" {
  description = "Workers that the job queue starts at the most; each holds one database connection."
  type        = number

  validation {
    condition     = var.worker_maximum_concurrency >= 2 && var.worker_maximum_concurrency <= 1000
    error_message = "The maximum concurrency must be between 2 and 1000."
  }
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch knows only certain retentions: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 days, or some years."
  }
}

variable "old_version_expiry_days" {
  description = "Days after which a replaced or deleted payload is gone for good; null keeps it for ever."
  type        = number
  default     = null
}

variable "alarm_topic_arns" {
  description = "SNS topics told when a message arrives in the dead-letter queue and when the queue is empty again; an empty list shows the alarm in the console only, null makes none."
  type        = list(string)
  default     = []
}
