variable "region" {
  description = "AWS region that everything is made in; choose the one where the database is."
  type        = string
  default     = "ap-southeast-2"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "The region must look like ap-southeast-2."
  }
}

variable "environment" {
  description = "Name of the environment; it is part of every name, so that several fit into one account."
  type        = string
  default     = "production"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "The environment must be 2 to 16 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "tags" {
  description = "Tags of everything that is made, besides `project` and `environment`."
  type        = map(string)
  default     = {}
}

variable "zip_folder" {
  description = "Folder with the functions' zips, built for arm64, each as `zixly-{function}/bootstrap.zip`; `make build` leaves them in target/lambda."
  type        = string
  default     = "../../../target/lambda"
}

variable "webhook_domain" {
  description = "Domain of the pipeline's API, with the Route 53 zone that it lies in or the ARN of its certificate; null for the API's own address."
  type = object({
    name            = string
    hosted_zone_id  = optional(string)
    certificate_arn = optional(string)
  })
  default = null
}

variable "app_domain" {
  description = "Domain of the dashboard, with the Route 53 zone that it lies in or the ARN of its certificate; null for its API's own address."
  type = object({
    name            = string
    hosted_zone_id  = optional(string)
    certificate_arn = optional(string)
  })
  default = null
}

variable "public_base_url" {
  description = "Where the world reaches the pipeline's API when something else stands before it, without a slash at the end; null for its domain or its own address."
  type        = string
  default     = null
}

variable "app_url" {
  description = "Where the world reaches the dashboard when something else stands before it, without a slash at the end; null for its domain or its API's own address."
  type        = string
  default     = null
}

variable "allowed_origins" {
  description = "Web pages besides the dashboard that may call the pipeline's API from a browser, each as `https://host`."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : startswith(origin, "https://")])
    error_message = "Each origin must start with https://."
  }
}

variable "auth_issuer" {
  description = "Who makes the users' tokens, e.g. `https://abc.supabase.co/auth/v1`; null lets no user call."
  type        = string
  default     = null

  validation {
    condition     = var.auth_issuer == null ? true : can(regex("^https://[^/]+(/.*[^/])?$", var.auth_issuer))
    error_message = "The issuer must start with https:// and not end in a slash."
  }
}

variable "auth_key" {
  description = "The public key of the Supabase project (`sb_publishable_…`), which its sign-in wants of every page."
  type        = string
  default     = null

  validation {
    condition     = var.auth_key == null ? true : !startswith(var.auth_key, "sb_secret_")
    error_message = "This is the project's secret key; every browser would read it. Give the public one, sb_publishable_…."
  }
}

variable "email" {
  description = "Who writes the e-mails of notifications, and the identity (an address or a domain) that Amazon SES has verified for it; null sends none."
  type = object({
    sender   = string
    identity = string
  })
  default = null
}

variable "trading_api_url" {
  description = "Where the trading API is, without a slash at the end; null where no tenant has trading sweeps."
  type        = string
  default     = null

  validation {
    condition     = var.trading_api_url == null ? true : can(regex("^https://.*[^/]$", var.trading_api_url))
    error_message = "The trading API's URL must start with https:// and not end in a slash."
  }
}

variable "webhook_requests_per_second" {
  description = "Requests a second that the pipeline's API lets through to each route; beyond, providers are told to send again."
  type        = number
  default     = 3000
}

variable "worker_maximum_concurrency" {
  description = "Workers that the job queue starts at the most; each holds one database connection."
  type        = number
  default     = 10

  validation {
    condition     = var.worker_maximum_concurrency >= 2 && var.worker_maximum_concurrency <= 500
    error_message = "The maximum concurrency must be between 2 and 500; an account has 1000 environments for all functions."
  }
}

variable "reserves_concurrency" {
  description = "Whether each function has environments of its own; false in a new account, which has too few to reserve any until AWS has raised its limit."
  type        = bool
  default     = true
}

variable "rollout_config" {
  description = "How fast a new version takes over, by the name of a CodeDeploy configuration for Lambda; null puts it in use at once."
  type        = string
  default     = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
}

variable "is_traced" {
  description = "Whether X-Ray traces the functions' invocations; US$ 5 a million traces."
  type        = bool
  default     = false
}

variable "delivery_retention_days" {
  description = "Days that deliveries stay in the database before they are archived to the payload bucket."
  type        = number
  default     = 30
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number
  default     = 30
}

variable "alarm_emails" {
  description = "E-mail addresses that alarms are sent to; each has to confirm a message of AWS's first."
  type        = set(string)
  default     = []
}

variable "alarm_topic_arns" {
  description = "SNS topics of your own that alarms are sent to, besides those addresses."
  type        = list(string)
  default     = []
}

variable "monthly_budget_usd" {
  description = "US dollars that the account may cost a month before somebody is told; null watches no cost."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null || length(var.alarm_emails) + length(var.alarm_topic_arns) > 0
    error_message = "A budget needs somebody to tell: give alarm_emails or alarm_topic_arns."
  }
}
