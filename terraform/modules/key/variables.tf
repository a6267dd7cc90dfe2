variable "name" {
  description = "Name that the console shows for the key."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "description" {
  description = "One sentence on what the key encrypts, shown in the console."
  type        = string
}

variable "deletion_window_days" {
  description = "Days in which a deleted key can be had back; with it goes all that it encrypted."
  type        = number

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "The window must be 7 to 30 days."
  }
}
