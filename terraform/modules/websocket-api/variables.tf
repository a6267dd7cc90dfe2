variable "name" {
  description = "Name of the API."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "is_made" {
  description = "Whether there is such an API; a module that is counted could not be told of the functions that are told of it."
  type        = bool
  default     = true
}

variable "description" {
  description = "One sentence on what the API is for, shown in the console."
  type        = string
}

variable "function_name" {
  description = "Name of the function that hears of sockets."
  type        = string
}

variable "function_alias" {
  description = "Name of the alias that is called."
  type        = string
}

variable "function_invoke_arn" {
  description = "ARN that API Gateway calls the function by."
  type        = string

  validation {
    condition     = var.is_made ? endswith(var.function_invoke_arn, ":${var.function_name}:${var.function_alias}/invocations") : true
    error_message = "The function must be called by its alias; without it a version answers that nobody has put in use."
  }
}

variable "requests_per_second" {
  description = "Sockets opened, and messages sent by pages, a second; beyond, for twice as many at once, they are refused."
  type        = number

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 10000
    error_message = "The requests per second must be between 1 and 10000, the account's own limit."
  }
}
