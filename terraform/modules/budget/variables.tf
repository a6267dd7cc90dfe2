variable "name" {
  description = "Name of the budget."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "monthly_usd" {
  description = "US dollars that the account may cost a month before somebody is told."
  type        = number

  validation {
    condition     = var.monthly_usd >= 1
    error_message = "The budget must be at least one dollar."
  }
}

variable "topic_arn" {
  description = "SNS topic told when 80 % is spent, and when more than all will be; AWS tells one."
  type        = string
}
