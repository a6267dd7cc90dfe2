# The pages and the API that they read. Whatever can be changed is changed elsewhere: nothing here has an action that
# writes.

locals {
  gateway_app_url = var.app_gateway_host == null ? local.dashboard_api_url : "http://${local.dashboard_api_id}.${var.app_gateway_host}"
  app_domain_url  = var.app_domain == null ? null : "https://${var.app_domain.name}"
  app_url         = coalesce(var.app_url, local.app_domain_url, local.gateway_app_url)

  # From where a page fetches results, by an address that the function has signed.
  payload_origin = coalesce(
    var.payload_origin, "https://${module.payload_bucket.name}.s3.${data.aws_region.current.name}.amazonaws.com",
  )

  auth_environment     = var.auth_issuer == null ? {} : { AUTH_ISSUER = var.auth_issuer }
  auth_key_environment = var.auth_key == null ? {} : { AUTH_KEY = var.auth_key }
}

module "dashboard" {
  source = "../function"

  name                 = "${local.prefix}-dashboard"
  description          = "Shows jobs, deliveries and connections, and serves the pages; reads only."
  zip_path             = "${var.zip_folder}/zixly-dashboard/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 512
  timeout_seconds      = 10
  reserved_concurrency = var.reserved_concurrency.dashboard
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = merge({
    FUNCTION_SECRET_ARN   = module.secret["dashboard"].arn
    METRICS_NAMESPACE     = local.metrics_namespace
    PAYLOAD_BUCKET        = module.payload_bucket.name
    PAYLOAD_ORIGIN        = local.payload_origin
    COUNTER_TABLE         = module.counter_table.name
    DEAD_LETTER_QUEUE_URL = module.job_queue.dead_letter_url
    WEBHOOK_URL           = local.public_base_url
  }, local.websocket_environment, local.auth_environment, local.auth_key_environment)

  permissions = {
    ReadItsOwnSecret    = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["dashboard"].arn }
    OpenItsOwnSecret    = local.open_secrets
    OpenResults         = local.open_payloads
    LetResultsBeFetched = { actions = ["s3:GetObject"], resource = "${module.payload_bucket.arn}/tenants/*" }
    ReadRateBudgets     = { actions = ["dynamodb:GetItem"], resource = module.counter_table.arn }
    CountDeadLetters    = { actions = ["sqs:GetQueueAttributes"], resource = module.job_queue.dead_letter_arn }
  }
}

module "dashboard_api" {
  source = "../http-api"

  is_made              = var.api_kind == "http"
  name                 = "${local.prefix}-dashboard-api"
  description          = "Where browsers load the dashboard and what it shows."
  requests_per_second  = 200
  is_reached_by_domain = var.app_domain != null
  log_retention_days   = var.log_retention_days

  functions = local.dashboard_routes
}

module "dashboard_rest_api" {
  source = "../rest-api"

  is_made             = var.api_kind == "rest"
  name                = "${local.prefix}-dashboard-api"
  description         = "Where browsers load the dashboard and what it shows."
  requests_per_second = 200
  log_retention_days  = var.log_retention_days
  functions           = local.dashboard_routes
}

locals {
  dashboard_api_id    = var.api_kind == "http" ? module.dashboard_api.id : module.dashboard_rest_api.id
  dashboard_api_url   = var.api_kind == "http" ? module.dashboard_api.url : module.dashboard_rest_api.url
  dashboard_api_stage = var.api_kind == "http" ? module.dashboard_api.stage : module.dashboard_rest_api.stage

  # Listed for the access log; `$default` is for the pages, each of which has an address of its own.
  dashboard_routes = {
    dashboard = {
      name       = module.dashboard.name
      alias      = module.dashboard.alias
      invoke_arn = module.dashboard.invoke_arn
      routes = [
        "GET /api/config",
        "GET /api/health",
        "GET /api/me",
        "GET /api/dashboards",
        "GET /api/pipelines/jobs",
        "GET /api/pipelines/jobs/{id}",
        "GET /api/pipelines/deliveries",
        "GET /api/pipelines/deliveries/{id}",
        "GET /api/pipelines/results/{id}",
        "GET /api/pipelines/errors",
        "GET /api/sync-status",
        "GET /api/service-metrics",
        "GET /api/audit",
        "GET /api/realtime-ticket",
        "GET /api/jobs/stream",
        "$default",
      ]
    }
    admin = {
      name       = module.admin.name
      alias      = module.admin.alias
      invoke_arn = module.admin.invoke_arn
      routes = [
        "GET /api/admin/tenants",
        "POST /api/admin/tenants",
        "GET /api/admin/users",
        "POST /api/admin/users",
        "PATCH /api/admin/users/{id}",
        "DELETE /api/admin/users/{id}",
        "GET /api/admin/api-keys",
        "POST /api/admin/api-keys",
        "DELETE /api/admin/api-keys/{id}",
        "GET /api/admin/workflows",
        "PUT /api/admin/workflows/{job_type}",
        "GET /api/admin/connections",
        "POST /api/admin/connections",
        "DELETE /api/admin/connections/{id}",
        "POST /oauth/{provider}/start",
        "GET /oauth/{provider}/callback",
      ]
    }
  }
}

module "app_domain" {
  source = "../domain"
  count  = var.app_domain == null ? 0 : 1

  name            = var.app_domain.name
  hosted_zone_id  = var.app_domain.hosted_zone_id
  certificate_arn = var.app_domain.certificate_arn
  api_id          = local.dashboard_api_id
  api_stage       = local.dashboard_api_stage
}
