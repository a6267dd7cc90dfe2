# What Zixly has in LocalStack without its functions.

variable "name" {
  type = string
}

provider "aws" {
  s3_use_path_style = true
}

module "queue" {
  source = "./modules/queue"

  name                     = "${var.name}-jobs"
  consumer_timeout_seconds = 30
  oldest_message_seconds   = 300
}

module "bucket" {
  source = "./modules/bucket"

  name                    = "${var.name}-payloads"
  destroy_with_content    = true
  old_version_expiry_days = null # The provider waits a minute for a lifecycle.
}

module "secret" {
  source = "./modules/secret"

  name                 = "${var.name}/webhook"
  description          = "Put by the test."
  recovery_window_days = 0
}

# Its function is not there, so no permission to call it can be made: the test asks for all the rest.
module "rest_api" {
  source = "./modules/rest-api"

  name                = "${var.name}-api"
  description         = "An API whose function nobody calls."
  requests_per_second = 100
  log_retention_days  = 1

  functions = {
    webhook = {
      name       = "nobody"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:000000000000:function:nobody:live/invocations"
      routes     = ["POST /webhook/xero", "POST /webhook/deliveries/{id}/replay", "GET /health", "$default"]
    }
  }
}

output "queue_url" {
  value = module.queue.url
}

output "bucket" {
  value = module.bucket.name
}

output "secret_arn" {
  value = module.secret.arn
}
