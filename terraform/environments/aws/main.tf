provider "aws" {
  region = var.region

  default_tags {
    tags = merge(var.tags, {
      project     = "zixly"
      environment = var.environment
    })
  }
}

module "pipeline" {
  source = "../../modules/pipeline"

  environment                 = var.environment
  architecture                = "arm64" # A fifth cheaper than x86_64 by the millisecond, and no slower for this.
  zip_folder                  = var.zip_folder
  webhook_domain              = var.webhook_domain
  app_domain                  = var.app_domain
  public_base_url             = var.public_base_url
  app_url                     = var.app_url
  allowed_origins             = var.allowed_origins
  auth_issuer                 = var.auth_issuer
  auth_key                    = var.auth_key
  email                       = var.email
  provider_endpoints          = { trading_api_url = var.trading_api_url }
  webhook_requests_per_second = var.webhook_requests_per_second
  worker_maximum_concurrency  = var.worker_maximum_concurrency
  reserved_concurrency        = var.reserves_concurrency ? local.reserved_concurrency : {}
  rollout_config              = var.rollout_config
  is_traced                   = var.is_traced
  delivery_retention_days     = var.delivery_retention_days
  log_retention_days          = var.log_retention_days
  old_version_expiry_days     = 30
  alarm_topic_arns            = concat(module.alarm_topic[*].arn, var.alarm_topic_arns)
}

module "alarm_topic" {
  source = "../../modules/alarm-topic"
  count  = length(var.alarm_emails) == 0 ? 0 : 1

  name   = "zixly-${var.environment}-alarms"
  emails = var.alarm_emails
}

module "budget" {
  source = "../../modules/budget"
  count  = var.monthly_budget_usd == null ? 0 : 1

  name        = "zixly-${var.environment}"
  monthly_usd = var.monthly_budget_usd
  topic_arn   = concat(module.alarm_topic[*].arn, var.alarm_topic_arns)[0]
}

locals {
  # What one function may have at once, so that none takes the account's environments from the others: an account has
  # 1,000 of them, and AWS wants 100 left for whatever has none of its own. The door has the most, since who knocks there
  # does not wait. The worker's are a few more than its queue starts, and each holds a database connection.
  reserved_concurrency = {
    webhook   = 200
    worker    = var.worker_maximum_concurrency + 5
    scheduler = 1
    dashboard = 50
    realtime  = 50
    admin     = 10
  }
}
