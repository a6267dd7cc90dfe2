variable "name" {
  description = "Name of the API and of its access log."
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

variable "functions" {
  description = "The functions that answer, each with its name, the alias that is called, the ARN that API Gateway calls it by, and its routes: each a method and a path, e.g. `GET /health`, or `$default` for every other request."
  type = map(object({
    name       = string
    alias      = string
    invoke_arn = string
    routes     = set(string)
  }))

  validation {
    condition = length(var.functions) > 0 && alltrue([
      for function in var.functions : length(function.routes) > 0 && alltrue([
        for route in function.routes : route == "$default" || can(regex("^(GET|POST|PUT|PATCH|DELETE) (/[a-z0-9{}_-]+){1,5}$", route))
      ])
    ])
    error_message = "Each function must have a route, and each route must be a method and a path of one to five segments, e.g. `POST /webhook/xero`, or `$default`."
  }

  validation {
    condition     = alltrue([for function in var.functions : endswith(function.invoke_arn, ":${function.name}:${function.alias}/invocations")])
    error_message = "Each function must be called by its alias; without it a version answers that nobody has put in use."
  }
}

variable "requests_per_second" {
  description = "Requests a second to each route, of all callers together; beyond, for twice as many at once, they are answered with 429."
  type        = number

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 10000
    error_message = "The requests per second must be between 1 and 10000, the account's own limit."
  }
}

variable "log_retention_days" {
  description = "Days that access log lines are kept."
  type        = number
}
