# The local AWS looks at no credentials, but the provider insists on some. The region is the one that `zixly` starts it
# in: it takes requests without a signature, such as a provider's webhook, to be for that one.
provider "aws" {
  region     = "ap-southeast-2"
  access_key = "test"
  secret_key = "test"

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true

  endpoints {
    apigateway     = var.aws_endpoint_url
    apigatewayv2   = var.aws_endpoint_url
    cloudwatch     = var.aws_endpoint_url
    dynamodb       = var.aws_endpoint_url
    iam            = var.aws_endpoint_url
    kms            = var.aws_endpoint_url
    lambda         = var.aws_endpoint_url
    logs           = var.aws_endpoint_url
    s3             = var.aws_endpoint_url
    scheduler      = var.aws_endpoint_url
    secretsmanager = var.aws_endpoint_url
    sqs            = var.aws_endpoint_url
    sts            = var.aws_endpoint_url
  }
}

module "pipeline" {
  source = "../../modules/pipeline"

  environment                = "local"
  architecture               = var.architecture
  api_kind                   = var.api_kind
  zip_folder                 = var.zip_folder
  disposable                 = true
  worker_maximum_concurrency = 4
  log_retention_days         = 1

  # Of the tokens that `zixly up` makes for the tenants' users.
  auth_issuer = "${var.simulator_url}/auth/v1"
  auth_key    = "sb_publishable_local"

  # By path, not by host name: `{api}.execute-api.localhost` resolves in few places besides browsers. Without the stage,
  # since shells and readers of `.env` files take `$default` for a variable; the local AWS finds it by itself.
  api_gateway_url = "${var.aws_endpoint_url}/_aws/execute-api"

  # The pages want the root of a host for themselves; browsers know every name under localhost.
  app_gateway_host = "execute-api.localhost:${regex("[0-9]+$", var.aws_endpoint_url)}"
  payload_origin   = var.aws_endpoint_url

  # The local AWS measures no queue, so an alarm could not fire, and it gives half of its settings back, so that every
  # plan would want to mend it.
  alarm_topic_arns = null

  provider_endpoints = {
    xero_api_url          = "${var.simulator_url}/xero/api.xro/2.0"
    xero_token_url        = "${var.simulator_url}/xero/connect/token"
    xero_authorize_url    = "${var.simulator_url}/xero/identity/connect/authorize"
    xero_connections_url  = "${var.simulator_url}/xero/connections"
    hubspot_authorize_url = "${var.simulator_url}/hubspot/oauth/authorize"
    asana_authorize_url   = "${var.simulator_url}/asana/-/oauth_authorize"
    asana_revoke_url      = "${var.simulator_url}/asana/-/oauth_revoke"
    hubspot_api_url       = "${var.simulator_url}/hubspot"
    shopify_shop_url      = "${var.simulator_url}/shopify/{shop}"
    asana_api_url         = "${var.simulator_url}/asana/api/1.0"
    asana_token_url       = "${var.simulator_url}/asana/-/oauth_token"
    slack_api_url         = "${var.simulator_url}/slack/api"
    slack_hooks_url       = "${var.simulator_url}/slack"
    ses_api_url           = "${var.simulator_url}/ses"
    trading_api_url       = "${var.simulator_url}/trading"
  }

  email = {
    sender   = "zixly@example.com"
    identity = "example.com"
  }
}
