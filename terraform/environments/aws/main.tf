provider "aws" {
  region = var.region

  default_tags {
    tags = {
      project     = "zixly"
      environment = var.environment
    }
  }
}

module "pipeline" {
  source = "../../modules/pipeline"

  environment                    = var.environment
  architecture                   = "arm64" # A fifth cheaper than x86_64 by the millisecond, and no slower for this.
  webhook_zip                    = var.webhook_zip
  worker_zip                     = var.worker_zip
  scheduler_zip                  = var.scheduler_zip
  dashboard_zip                  = var.dashboard_zip
  realtime_zip                   = var.realtime_zip
  admin_zip                      = var.admin_zip
  public_base_url                = var.public_base_url
  allowed_origins                = var.allowed_origins
  auth_issuer                    = var.auth_issuer
  auth_key                       = var.auth_key
  app_url                        = var.app_url
  webhook_reserved_concurrency   = var.webhook_reserved_concurrency
  worker_maximum_concurrency     = var.worker_maximum_concurrency
  scheduler_reserved_concurrency = var.scheduler_reserved_concurrency
  delivery_retention_days        = var.delivery_retention_days
  log_retention_days             = 30
  old_version_expiry_days        = 30
  alarm_topic_arns               = var.alarm_topic_arns
}
