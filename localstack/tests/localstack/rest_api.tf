# The webhook function behind a REST API, as small as it can be told: modules/function has a role, logs and permissions,
# which the local AWS does not look at.

variable "name" {
  type = string
}

variable "zip_path" {
  type = string
}

variable "environment" {
  type = map(string)
}

variable "aws_endpoint_url" {
  type = string
}

resource "aws_lambda_function" "webhook" {
  function_name = "zixly-test-${var.name}"
  role          = "arn:aws:iam::000000000000:role/webhook"
  runtime       = "provided.al2023"
  handler       = "bootstrap"
  filename      = var.zip_path
  timeout       = 10
  publish       = true

  environment {
    variables = merge(var.environment, { PUBLIC_BASE_URL = local.public_base_url })
  }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.webhook.function_name
  function_version = aws_lambda_function.webhook.version
}

module "rest_api" {
  source = "./modules/rest-api"

  name                = "zixly-test-${var.name}"
  description         = "A door with a stage in its address."
  requests_per_second = 100
  log_retention_days  = 1

  functions = {
    webhook = {
      name       = aws_lambda_function.webhook.function_name
      alias      = aws_lambda_alias.live.name
      invoke_arn = aws_lambda_alias.live.invoke_arn
      routes     = ["POST /webhook/xero", "POST /webhook/jobs/{id}/cancel", "GET /webhook/jobs/{id}", "$default"]
    }
  }
}

locals {
  public_base_url = "${var.aws_endpoint_url}/_aws/execute-api/${module.rest_api.id}/${module.rest_api.stage}"
}

output "public_base_url" {
  value = local.public_base_url
}
