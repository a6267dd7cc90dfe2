# What an owner sets up: the only function that writes tenants, users, connections and API keys.

module "admin" {
  source = "../function"

  name                 = "${local.prefix}-admin"
  description          = "Sets tenants up: users, connections, API keys and workflows; touches no job."
  zip_path             = "${var.zip_folder}/zixly-admin/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 256
  timeout_seconds      = 29 # The gateway waits no longer.
  reserved_concurrency = var.reserved_concurrency.admin
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = merge({
    FUNCTION_SECRET_ARN   = module.secret["admin"].arn
    METRICS_NAMESPACE     = local.metrics_namespace
    SECRET_KEY_ARN        = module.key.arn
    JOB_QUEUE_URL         = module.job_queue.url
    JOB_EVENT_QUEUE_URL   = module.job_event_queue.url
    TOKEN_SET_PREFIX      = local.token_set_prefix
    APP_URL               = local.app_url
    XERO_AUTHORIZE_URL    = var.provider_endpoints.xero_authorize_url
    XERO_TOKEN_URL        = var.provider_endpoints.xero_token_url
    XERO_CONNECTIONS_URL  = var.provider_endpoints.xero_connections_url
    HUBSPOT_AUTHORIZE_URL = var.provider_endpoints.hubspot_authorize_url
    HUBSPOT_API_URL       = var.provider_endpoints.hubspot_api_url
    HUBSPOT_OAUTH_VERSION = var.provider_endpoints.hubspot_oauth_version
    SHOPIFY_SHOP_URL      = var.provider_endpoints.shopify_shop_url
    SHOPIFY_API_VERSION   = var.provider_endpoints.shopify_api_version
    ASANA_AUTHORIZE_URL   = var.provider_endpoints.asana_authorize_url
    ASANA_TOKEN_URL       = var.provider_endpoints.asana_token_url
    ASANA_REVOKE_URL      = var.provider_endpoints.asana_revoke_url
    ASANA_API_URL         = var.provider_endpoints.asana_api_url
    SLACK_API_URL         = var.provider_endpoints.slack_api_url
    SLACK_HOOKS_URL       = var.provider_endpoints.slack_hooks_url
  }, local.auth_environment)

  permissions = {
    ReadItsOwnSecret          = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["admin"].arn }
    OpenAndEncryptSecrets     = local.keep_secrets
    KeepNewTokenSets          = { actions = ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"], resource = local.token_set_arns }
    PutThemInForce            = { actions = ["secretsmanager:UpdateSecretVersionStage"], resource = local.token_set_arns }
    ReadThemToTakeThemBack    = { actions = ["secretsmanager:GetSecretValue"], resource = local.token_set_arns }
    RemoveThem                = { actions = ["secretsmanager:DeleteSecret"], resource = local.token_set_arns }
    RingForJobsThatCanGoOn    = { actions = ["sqs:SendMessage"], resource = module.job_queue.arn }
    EndSessionsOfRemovedUsers = { actions = ["sqs:SendMessage"], resource = module.job_event_queue.arn }
  }
}
