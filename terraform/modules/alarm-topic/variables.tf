variable "name" {
  description = "Name of the topic."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "emails" {
  description = "E-mail addresses that are told."
  type        = set(string)

  validation {
    condition     = alltrue([for email in var.emails : can(regex("^[^@[:space:]]+@[^@[:space:]]+\\.[^@[:space:]]+$", email))])
    error_message = "Each must be an e-mail address."
  }
}
