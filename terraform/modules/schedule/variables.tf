variable "name" {
  description = "Name of the schedule; its role adds `-schedule`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,54}$", var.name))
    error_message = "The name must be 3 to 55 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "description" {
  description = "One sentence on what happens by the schedule, shown in the console."
  type        = string
}

variable "schedule_expression" {
  description = "When the function is started, e.g. `rate(1 minute)`."
  type        = string

  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.schedule_expression))
    error_message = "The expression must be a rate or a cron expression of EventBridge Scheduler, e.g. `rate(1 minute)`."
  }
}

variable "function_name" {
  description = "Name of the function that is started."
  type        = string
}

variable "function_alias" {
  description = "Name of the alias that is started."
  type        = string
}

variable "function_arn" {
  description = "ARN of that alias."
  type        = string

  validation {
    condition     = endswith(var.function_arn, ":${var.function_name}:${var.function_alias}")
    error_message = "The ARN must be the alias's; the function's own starts a version that nobody has put in use."
  }
}
