data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  prefix = "zixly-${var.environment}"

  # The bucket's name must be unique among all of AWS; the account makes it so.
  bucket_name = "${local.prefix}-payloads-${data.aws_caller_identity.current.account_id}"

  # Providers sign the address that they call, so the function has to know it.
  webhook_domain_url = var.webhook_domain == null ? null : "https://${var.webhook_domain.name}"
  gateway_url        = var.api_gateway_url == null ? local.api_url : join("/", compact([var.api_gateway_url, local.api_id, module.rest_api.stage]))
  public_base_url    = coalesce(var.public_base_url, local.webhook_domain_url, local.gateway_url)

  trading_environment = var.provider_endpoints.trading_api_url == null ? {} : {
    TRADING_API_URL = var.provider_endpoints.trading_api_url
  }

  # However much one tenant has to do, half of the workers are for the others.
  tenant_concurrency = max(2, floor(var.worker_maximum_concurrency / 2))

  email_environment = var.email == null ? {} : {
    EMAIL_SENDER = var.email.sender
    SES_API_URL  = coalesce(var.provider_endpoints.ses_api_url, "https://email.${data.aws_region.current.name}.amazonaws.com")
  }
  email_permissions = var.email == null ? {} : {
    SendEmail = { actions = ["ses:SendEmail"], resource = join(":", [
      "arn", data.aws_partition.current.partition, "ses", data.aws_region.current.name,
      data.aws_caller_identity.current.account_id, "identity/${var.email.identity}",
    ]) }
  }

  # Several environments may share an account, and CloudWatch adds up whatever has the same name.
  metrics_namespace = "Zixly/${var.environment}"

  worker_timeout_seconds = 30
}

module "webhook" {
  source = "../function"

  name                 = "${local.prefix}-webhook"
  description          = "Takes deliveries from providers, files them with their jobs and rings the worker."
  zip_path             = "${var.zip_folder}/zixly-webhook/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 256
  timeout_seconds      = 10 # Xero gives up after 5 s; the rest is for writing down why it took longer.
  reserved_concurrency = var.reserved_concurrency.webhook
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = merge({
    FUNCTION_SECRET_ARN = module.secret["webhook"].arn
    METRICS_NAMESPACE   = local.metrics_namespace
    SECRET_KEY_ARN      = module.key.arn
    JOB_QUEUE_URL       = module.job_queue.url
    COUNTER_TABLE       = module.counter_table.name
    PAYLOAD_BUCKET      = module.payload_bucket.name
    HOOK_SECRET_PREFIX  = local.hook_secret_prefix
    PUBLIC_BASE_URL     = local.public_base_url
  }, local.auth_environment)

  permissions = {
    ReadItsOwnSecret             = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["webhook"].arn }
    OpenItsSecrets               = local.keep_secrets
    EncryptWhatItCarries         = local.keep_payloads
    RingTheWorker                = { actions = ["sqs:SendMessage"], resource = module.job_queue.arn }
    TellWhetherTheQueueIsHealthy = { actions = ["sqs:GetQueueAttributes"], resource = module.job_queue.arn }
    CountRequests                = { actions = ["dynamodb:UpdateItem"], resource = module.counter_table.arn }
    ReadCounts                   = { actions = ["dynamodb:GetItem"], resource = module.counter_table.arn }
    TellWhetherThePayloadsAreUp  = { actions = ["s3:ListBucket"], resource = module.payload_bucket.arn }
    CarryLargeDeliveries         = { actions = ["s3:PutObject"], resource = "${module.payload_bucket.arn}/carried/*" }
    KeepSecretsOfAsanaWebhooks   = { actions = ["secretsmanager:CreateSecret"], resource = local.hook_secret_arns }
    ReadSecretsOfAsanaWebhooks   = { actions = ["secretsmanager:GetSecretValue"], resource = local.hook_secret_arns }
  }
}

module "worker" {
  source = "../function"

  name                 = "${local.prefix}-worker"
  description          = "Runs the steps of jobs against the providers and records what came of each."
  zip_path             = "${var.zip_folder}/zixly-worker/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 512
  timeout_seconds      = local.worker_timeout_seconds
  reserved_concurrency = var.reserved_concurrency.worker
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = merge({
    FUNCTION_SECRET_ARN   = module.secret["worker"].arn
    METRICS_NAMESPACE     = local.metrics_namespace
    JOB_QUEUE_URL         = module.job_queue.url
    DEAD_LETTER_QUEUE_URL = module.job_queue.dead_letter_url
    JOB_EVENT_QUEUE_URL   = module.job_event_queue.url
    PUBLIC_BASE_URL       = local.public_base_url
    PAYLOAD_BUCKET        = module.payload_bucket.name
    TOKEN_SET_PREFIX      = local.token_set_prefix
    COUNTER_TABLE         = module.counter_table.name
    XERO_API_URL          = var.provider_endpoints.xero_api_url
    XERO_TOKEN_URL        = var.provider_endpoints.xero_token_url
    HUBSPOT_API_URL       = var.provider_endpoints.hubspot_api_url
    HUBSPOT_API_VERSION   = var.provider_endpoints.hubspot_api_version
    HUBSPOT_OAUTH_VERSION = var.provider_endpoints.hubspot_oauth_version
    SHOPIFY_SHOP_URL      = var.provider_endpoints.shopify_shop_url
    SHOPIFY_API_VERSION   = var.provider_endpoints.shopify_api_version
    ASANA_API_URL         = var.provider_endpoints.asana_api_url
    ASANA_TOKEN_URL       = var.provider_endpoints.asana_token_url
    TENANT_CONCURRENCY    = tostring(local.tenant_concurrency)
    SLACK_API_URL         = var.provider_endpoints.slack_api_url
    SLACK_HOOKS_URL       = var.provider_endpoints.slack_hooks_url
  }, local.trading_environment, local.email_environment)

  permissions = merge(local.email_permissions, {
    ReadItsOwnSecret          = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["worker"].arn }
    OpenItsSecrets            = local.keep_secrets
    OpenAndEncryptPayloads    = local.keep_payloads
    ReadTokenSets             = { actions = ["secretsmanager:GetSecretValue"], resource = local.token_set_arns }
    StoreRefreshedTokenSets   = { actions = ["secretsmanager:PutSecretValue"], resource = local.token_set_arns }
    PutThemInForce            = { actions = ["secretsmanager:UpdateSecretVersionStage"], resource = local.token_set_arns }
    CountItsCalls             = { actions = ["dynamodb:UpdateItem"], resource = module.counter_table.arn }
    RemoveTokensOfLostShops   = { actions = ["secretsmanager:DeleteSecret"], resource = local.token_set_arns }
    RingItselfLater           = { actions = ["sqs:SendMessage"], resource = module.job_queue.arn }
    TellWhatBecomesOfJobs     = { actions = ["sqs:SendMessage"], resource = module.job_event_queue.arn }
    SetDeadMessagesAside      = { actions = ["sqs:SendMessage"], resource = module.job_queue.dead_letter_arn }
    StoreWhatBelongsToATenant = { actions = ["s3:PutObject"], resource = "${module.payload_bucket.arn}/tenants/*" }
    FetchCarriedDeliveries    = { actions = ["s3:GetObject"], resource = "${module.payload_bucket.arn}/carried/*" }
    DropCarriedDeliveries     = { actions = ["s3:DeleteObject"], resource = "${module.payload_bucket.arn}/carried/*" }
    # Without it S3 calls an object that is gone a forbidden one.
    TellWhatIsGone            = { actions = ["s3:ListBucket"], resource = module.payload_bucket.arn }
    ChooseWhenAMessageComesUp = { actions = ["sqs:ChangeMessageVisibility"], resource = module.job_queue.arn }
    TakeMessagesFromItsQueue  = { actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resource = module.job_queue.arn }
  })
}

module "scheduler" {
  source = "../function"

  name                 = "${local.prefix}-scheduler"
  description          = "Finds what was lost elsewhere, asks providers that lose events, and archives old deliveries."
  zip_path             = "${var.zip_folder}/zixly-scheduler/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 512
  timeout_seconds      = 50 # Done before the next one starts.
  reserved_concurrency = var.reserved_concurrency.scheduler
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = {
    FUNCTION_SECRET_ARN     = module.secret["scheduler"].arn
    METRICS_NAMESPACE       = local.metrics_namespace
    JOB_QUEUE_URL           = module.job_queue.url
    PAYLOAD_BUCKET          = module.payload_bucket.name
    DELIVERY_RETENTION_DAYS = tostring(var.delivery_retention_days)
  }

  permissions = {
    ReadItsOwnSecret       = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["scheduler"].arn }
    OpenItsOwnSecret       = local.open_secrets
    OpenAndEncryptPayloads = local.keep_payloads
    RingTheWorker          = { actions = ["sqs:SendMessage"], resource = module.job_queue.arn }
    ArchiveDeliveries      = { actions = ["s3:PutObject"], resource = "${module.payload_bucket.arn}/deliveries/*" }
    ReadBackWhatItArchived = { actions = ["s3:GetObject"], resource = "${module.payload_bucket.arn}/deliveries/*" }
  }
}

module "schedule" {
  source = "../schedule"

  name                = "${local.prefix}-scheduler"
  description         = "Starts the scheduler function once a minute."
  schedule_expression = "rate(1 minute)"
  function_name       = module.scheduler.name
  function_alias      = module.scheduler.alias
  function_arn        = module.scheduler.arn
}

resource "aws_lambda_event_source_mapping" "worker" {
  event_source_arn = module.job_queue.arn
  function_name    = module.worker.arn

  # A job that ends its process, by memory or time, takes no other with it. Ten in one would be an eighth to a quarter
  # quicker.
  batch_size = 1

  # A message whose outcome cannot be recorded goes back; that is no error of the function.
  function_response_types = ["ReportBatchItemFailures"]

  # The mapping, not reserved concurrency, holds the worker back: messages then wait in the queue uncounted, and do not
  # use up receives by being throttled.
  scaling_config {
    maximum_concurrency = var.worker_maximum_concurrency
  }
}

module "http_api" {
  source = "../http-api"

  is_made              = var.api_kind == "http"
  name                 = "${local.prefix}-http-api"
  description          = "Where providers deliver and callers ask for the state of a job."
  page_origins         = concat([local.app_url], var.allowed_origins)
  requests_per_second  = var.webhook_requests_per_second
  is_reached_by_domain = var.webhook_domain != null
  log_retention_days   = var.log_retention_days

  functions = local.webhook_routes
}

module "rest_api" {
  source = "../rest-api"

  is_made             = var.api_kind == "rest"
  name                = "${local.prefix}-http-api"
  description         = "Where providers deliver and callers ask for the state of a job."
  requests_per_second = var.webhook_requests_per_second
  log_retention_days  = var.log_retention_days
  functions           = local.webhook_routes
}

locals {
  api_id    = var.api_kind == "http" ? module.http_api.id : module.rest_api.id
  api_url   = var.api_kind == "http" ? module.http_api.url : module.rest_api.url
  api_stage = var.api_kind == "http" ? module.http_api.stage : module.rest_api.stage

  # The function answers for every path, with its own headers and problem documents. Those that it serves are listed
  # besides, so that the access log tells them apart without showing an endpoint that nobody shall guess.
  webhook_routes = {
    webhook = {
      name       = module.webhook.name
      alias      = module.webhook.alias
      invoke_arn = module.webhook.invoke_arn
      routes = [
        "POST /webhook/xero",
        "POST /webhook/hubspot",
        "POST /webhook/shopify",
        "POST /webhook/asana/{endpoint}",
        "POST /webhook/trading-sweep",
        "POST /webhook/generic-job",
        "POST /webhook/dry-runs",
        "POST /webhook/sweep-callback",
        "POST /webhook/jobs/{id}/cancel",
        "POST /webhook/jobs/{id}/retry",
        "POST /webhook/deliveries/{id}/replay",
        "GET /webhook/jobs/{id}",
        "GET /health",
        "GET /metrics",
        "$default",
      ]
    }
  }
}

module "webhook_domain" {
  source = "../domain"
  count  = var.webhook_domain == null ? 0 : 1

  name            = var.webhook_domain.name
  hosted_zone_id  = var.webhook_domain.hosted_zone_id
  certificate_arn = var.webhook_domain.certificate_arn
  api_id          = local.api_id
  api_stage       = local.api_stage
}

module "job_queue" {
  source = "../queue"

  name                     = "${local.prefix}-jobs"
  consumer_timeout_seconds = local.worker_timeout_seconds
  oldest_message_seconds   = 1800 # A doorbell that rings later lies in the queue for up to 15 minutes.
  alarm_topic_arns         = var.alarm_topic_arns
}

module "payload_bucket" {
  source = "../bucket"

  name                    = local.bucket_name
  key_arn                 = module.key.arn
  destroy_with_content    = var.disposable
  old_version_expiry_days = var.old_version_expiry_days
  page_origins            = [local.app_url]

  # A delivery that the queue did not take after all was answered with 503, and nobody comes for it.
  expiry_days_by_prefix = { "carried/" = 30 }
}

module "counter_table" {
  source = "../table"

  name                   = "${local.prefix}-counters"
  partition_key          = "counter_key"
  expiry_attribute       = "expires_at"
  point_in_time_recovery = true
}
