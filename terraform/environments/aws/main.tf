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

  environment                  = var.environment
  architecture                 = "arm64" # A fifth cheaper than x86_64 by the millisecond, and no slower for this.
  webhook_zip                  = var.webhook_zip
  worker_zip                   = var.worker_zip
  webhook_reserved_concurrency = var.webhook_reserved_concurrency
  worker_maximum_concurrency   = var.worker_maximum_concurrency
  log_retention_days           = 30
  old_version_expiry_days      = 30
  alarm_topic_arns             = var.alarm_topic_arns
}
