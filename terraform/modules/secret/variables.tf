variable "name" {
  description = "Name of the secret, with slashes, e.g. `zixly/production/webhook`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9/-]*[a-z0-9]$", var.name)) && !can(regex("-[a-z0-9]{6}$", var.name))
    error_message = "The name must be lower-case letters, digits, slashes and hyphens, and not end in a hyphen and six characters, which Secrets Manager would take for its own ending."
  }
}

variable "description" {
  description = "What the value is and who puts it."
  type        = string
}

variable "key_arn" {
  description = "ARN of the KMS key that the value is encrypted with; null for the one that AWS keeps for Secrets Manager."
  type        = string
  default     = null
}

variable "recovery_window_days" {
  description = "Days in which a deleted secret can be had back; 0 deletes at once and frees the name."
  type        = number

  validation {
    condition     = var.recovery_window_days == 0 || (var.recovery_window_days >= 7 && var.recovery_window_days <= 30)
    error_message = "The window must be 0 or 7 to 30 days."
  }
}
