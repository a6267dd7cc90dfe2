variable "name" {
  description = "Name of the API and of its access log."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "description" {
  description = "One sentence on what the API is for, shown in the console."
  type        = string
}

variable "routes" {
  description = "Routes that reach the function, each as method and path, e.g. `GET /health`; `$default` is every other request."
  type        = set(string)

  validation {
    condition     = length(var.routes) > 0 && alltrue([for route in var.routes : route == "$default" || can(regex("^(GET|POST|PUT|PATCH|DELETE) /[a-z0-9{}/_-]*$", route))])
    error_message = "Each route must be a method and a path, e.g. `POST /webhook/xero`, or `$default`, and there must be one."
  }
}

variable "function_name" {
  description = "Name of the function that answers."
  type        = string
}

variable "function_invoke_arn" {
  description = "ARN that API Gateway calls the function by."
  type        = string
}

variable "log_retention_days" {
  description = "Days that access log lines are kept."
  type        = number
}

variable "page_origins" {
  description = "Web pages of other hosts that may call from a browser, each as `https://host`; none by default."
  type        = list(string)
  default     = []
}
