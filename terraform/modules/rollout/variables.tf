variable "name" {
  description = "Name of the CodeDeploy application and of its role."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "functions" {
  description = "The functions that are rolled out, each with its name, the alias that is moved, and the alarms that take a rollout back."
  type = map(object({
    name        = string
    alias       = string
    alarm_names = list(string)
  }))

  validation {
    condition     = alltrue([for function in var.functions : length(function.alarm_names) > 0 && length(function.alarm_names) <= 10])
    error_message = "Each function must have 1 to 10 alarms: without one a rollout never goes back."
  }
}

variable "deployment_config" {
  description = "How fast a new version takes over, by the name of a CodeDeploy configuration for Lambda."
  type        = string
  default     = "CodeDeployDefault.LambdaCanary10Percent5Minutes"

  validation {
    condition     = can(regex("^(CodeDeployDefault\\.Lambda)?[A-Za-z0-9.-]+$", var.deployment_config))
    error_message = "The configuration must be a name such as CodeDeployDefault.LambdaCanary10Percent5Minutes."
  }
}
