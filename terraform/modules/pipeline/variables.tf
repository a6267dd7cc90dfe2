variable "environment" {
  description = "Name of the environment; it is part of every name, so that several fit into one account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,15}$", var.environment))
    error_message = "The environment must be 2 to 16 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "architecture" {
  description = "Processor that the functions' binaries were built for: arm64 or x86_64."
  type        = string
}

variable "zip_folder" {
  description = "Folder with the functions' zips as cargo lambda leaves them, each as `zixly-{function}/bootstrap.zip`."
  type        = string
}

variable "public_base_url" {
  description = "Where the world reaches the pipeline's API when something else stands before it, without a slash at the end; null for its domain or its own address."
  type        = string
  default     = null

  validation {
    condition     = var.public_base_url == null ? true : can(regex("^https://[^/]+(/.*[^/])?$", var.public_base_url))
    error_message = "The public base URL must start with https:// and not end in a slash."
  }
}

variable "api_kind" {
  description = "Which kind of API Gateway's answers: `http`, or `rest` where an edition of LocalStack has no HTTP APIs, and then no WebSocket."
  type        = string
  default     = "http"

  validation {
    condition     = contains(["http", "rest"], var.api_kind)
    error_message = "The kind must be http or rest."
  }

  validation {
    condition     = var.api_kind == "http" || (var.webhook_domain == null && var.app_domain == null && var.alarm_topic_arns == null)
    error_message = "Domains and alarms are for HTTP APIs."
  }
}

variable "api_gateway_url" {
  description = "Where a local AWS serves its APIs, each below its id; null where each has an address of its own."
  type        = string
  default     = null
}

variable "app_url" {
  description = "Where the world reaches the dashboard when something else stands before it, without a slash at the end; null for its domain or its API's own address."
  type        = string
  default     = null

  validation {
    condition     = var.app_url == null ? true : can(regex("^https://[^/]+$", var.app_url))
    error_message = "The dashboard's URL must be https:// and a host."
  }
}

variable "app_gateway_host" {
  description = "Below which host, port included, a local AWS serves each API by its id; null where each has an address of its own."
  type        = string
  default     = null
}

variable "payload_origin" {
  description = "Scheme, host and port at which a local AWS serves payloads; null for S3's own."
  type        = string
  default     = null
}

variable "allowed_origins" {
  description = "Web pages, besides the dashboard, that may call the HTTP API from a browser, each as `https://host`; none by default."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.allowed_origins : can(regex("^https?://[^/,*]+$", origin))])
    error_message = "Each origin must be a scheme and a host, e.g. `https://app.example.com`, without a path."
  }
}

variable "auth_issuer" {
  description = "Who makes the users' tokens, e.g. `https://abc.supabase.co/auth/v1`; null lets no user call."
  type        = string
  default     = null
}

variable "auth_key" {
  description = "The public key of the Supabase project (`sb_publishable_…`), which its sign-in wants of every page; null where no user signs in."
  type        = string
  default     = null
}

variable "delivery_retention_days" {
  description = "Days that deliveries stay in the database before they are archived to the payload bucket."
  type        = number
  default     = 30

  validation {
    condition     = var.delivery_retention_days >= 15
    error_message = "Deliveries must stay for at least 15 days: one that the queue carried is filed up to two weeks later."
  }
}

variable "provider_endpoints" {
  description = "Where the providers are, without a slash at the end; the defaults are the real ones. The trading API has none: without one, trading sweeps wait."
  type = object({
    xero_api_url          = optional(string, "https://api.xero.com/api.xro/2.0")
    xero_authorize_url    = optional(string, "https://login.xero.com/identity/connect/authorize")
    xero_token_url        = optional(string, "https://identity.xero.com/connect/token")
    xero_connections_url  = optional(string, "https://api.xero.com/connections")
    hubspot_authorize_url = optional(string, "https://app.hubspot.com/oauth/authorize")
    hubspot_api_url       = optional(string, "https://api.hubapi.com")
    hubspot_api_version   = optional(string, "2026-03")
    hubspot_oauth_version = optional(string, "2026-03")
    shopify_shop_url      = optional(string, "https://{shop}")
    shopify_api_version   = optional(string, "2026-07")
    asana_api_url         = optional(string, "https://app.asana.com/api/1.0")
    asana_authorize_url   = optional(string, "https://app.asana.com/-/oauth_authorize")
    asana_token_url       = optional(string, "https://app.asana.com/-/oauth_token")
    asana_revoke_url      = optional(string, "https://app.asana.com/-/oauth_revoke")
    slack_api_url         = optional(string, "https://slack.com/api")
    slack_hooks_url       = optional(string, "https://hooks.slack.com")
    ses_api_url           = optional(string)
    trading_api_url       = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for name, url in var.provider_endpoints : endswith(name, "_version") || url == null || can(regex("^https?://.*[^/]$", url))])
    error_message = "Each provider URL must start with http:// or https:// and not end in a slash."
  }
}

variable "email" {
  description = "Who writes the e-mails of notifications, and the identity (an address or a domain) that Amazon SES has verified for it; null sends none, and jobs that are to send one wait."
  type = object({
    sender   = string
    identity = string
  })
  default = null

  validation {
    condition     = var.email == null || can(regex("^[^@[:space:]]+@[^@[:space:]]+$", var.email.sender))
    error_message = "The sender must be an e-mail address."
  }
}

variable "disposable" {
  description = "Whether the environment may be destroyed with its payloads and secrets, at once and for good."
  type        = bool
  default     = false
}

# The worker is held back by its queue's mapping instead, which leaves messages where they are.
variable "reserved_concurrency" {
  description = "Environments kept for each function, and its limit; a function without one shares the account's."
  type = object({
    webhook   = optional(number)
    worker    = optional(number)
    scheduler = optional(number)
    dashboard = optional(number)
    realtime  = optional(number)
    admin     = optional(number)
  })
  default = {}
}

variable "webhook_requests_per_second" {
  description = "Requests a second that the pipeline's API lets through to each route; beyond, providers are told to send again."
  type        = number
  default     = 3000
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

variable "rollout_config" {
  description = "How fast a new version takes over, by the name of a CodeDeploy configuration; null puts it in use at once."
  type        = string
  default     = null

  validation {
    condition     = var.rollout_config == null || var.alarm_topic_arns != null
    error_message = "A rollout needs alarms to go back by: give alarm_topic_arns, be it an empty list."
  }
}

variable "is_traced" {
  description = "Whether X-Ray traces the functions' invocations; billed by the trace."
  type        = bool
  default     = false
}

variable "worker_maximum_concurrency" {
  description = "Workers that the job queue starts at the most; each holds one database connection."
  type        = number

  validation {
    condition     = var.worker_maximum_concurrency >= 2 && var.worker_maximum_concurrency <= 1000
    error_message = "The maximum concurrency must be between 2 and 1000."
  }
}

variable "log_retention_days" {
  description = "Days that log lines are kept."
  type        = number

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "CloudWatch knows only certain retentions: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 days, or some years."
  }
}

variable "old_version_expiry_days" {
  description = "Days after which a replaced or deleted payload is gone for good; null keeps it for ever."
  type        = number
  default     = null
}

variable "alarm_topic_arns" {
  description = "SNS topics told when an alarm goes off and when it is over; an empty list shows the alarms in the console only, null makes none, and no dashboard of CloudWatch."
  type        = list(string)
  default     = []
}
