variable "name" {
  description = "Name of the function, of its role and of its log group."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "description" {
  description = "One sentence on what the function does, shown in the console."
  type        = string
}

variable "zip_path" {
  description = "Path of the zip that holds the bootstrap binary."
  type        = string

  validation {
    condition     = fileexists(var.zip_path)
    error_message = "There is no zip at ${var.zip_path}; build it with `cargo lambda build --release --output-format zip` first."
  }
}

variable "architecture" {
  description = "Processor that the binary in the zip was built for: arm64 or x86_64."
  type        = string

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "The architecture must be arm64 or x86_64."
  }
}

variable "memory_mb" {
  description = "Memory in MB; Lambda hands out processor time in proportion to it."
  type        = number

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240
    error_message = "The memory must be between 128 and 10240 MB."
  }
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda ends an invocation."
  type        = number

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "The timeout must be between 1 and 900 seconds."
  }
}

variable "reserved_concurrency" {
  description = "Environments that are kept for this function and that it cannot exceed; null shares the account's."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null ? true : var.reserved_concurrency >= 1
    error_message = "The reserved concurrency must be at least 1, or null."
  }
}

variable "environment" {
  description = "Environment variables: names and addresses, never a secret's value."
  type        = map(string)
}

variable "permissions" {
  description = "What the function may do besides logging: a sid that reads as a sentence, exact actions, one resource; a key's use is bound to the service that it is used through, e.g. `s3`."
  type = map(object({
    actions     = list(string)
    resource    = string
    via_service = optional(string)
  }))

  validation {
    condition     = alltrue(flatten([for permission in values(var.permissions) : [for action in permission.actions : !strcontains(action, "*")]]))
    error_message = "Actions must be named one by one; a wildcard grants what nobody has thought of."
  }
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
}

variable "is_rolled_out" {
  description = "Whether a new version is put in use by a rollout (module rollout), not by Terraform at once."
  type        = bool
  default     = false
}

variable "is_traced" {
  description = "Whether X-Ray traces the function's invocations; billed by the trace."
  type        = bool
  default     = false
}
