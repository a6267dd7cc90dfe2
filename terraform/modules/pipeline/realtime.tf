locals {
  realtime_timeout_seconds = 15

  # Where there are no HTTP APIs there are no WebSocket APIs, and pages ask for what is new.
  has_websocket = var.api_kind == "http"

  # A local AWS has the addresses of all APIs below one.
  local_socket_url = var.api_gateway_url == null || !local.has_websocket ? null : "${var.api_gateway_url}/${module.websocket_api.id}/${module.websocket_api.stage}"
  websocket_url    = local.local_socket_url == null ? module.websocket_api.url : replace(local.local_socket_url, "/^http/", "ws")
  socket_api_url   = local.local_socket_url == null ? module.websocket_api.management_url : local.local_socket_url

  websocket_environment = local.has_websocket ? { WEBSOCKET_URL = local.websocket_url } : {}
}

module "realtime" {
  source = "../function"
  count  = local.has_websocket ? 1 : 0

  name                 = "${local.prefix}-realtime"
  description          = "Lets pages open WebSockets and tells them what has become of their tenant's jobs."
  zip_path             = "${var.zip_folder}/zixly-realtime/bootstrap.zip"
  architecture         = var.architecture
  memory_mb            = 256
  timeout_seconds      = local.realtime_timeout_seconds
  reserved_concurrency = var.reserved_concurrency.realtime
  log_retention_days   = var.log_retention_days
  is_rolled_out        = var.rollout_config != null
  is_traced            = var.is_traced

  environment = {
    FUNCTION_SECRET_ARN = module.secret["realtime"].arn
    METRICS_NAMESPACE   = local.metrics_namespace
    SOCKET_TABLE        = module.socket_table.name
    SOCKET_API_URL      = local.socket_api_url
  }

  permissions = {
    ReadItsOwnSecret         = { actions = ["secretsmanager:GetSecretValue"], resource = module.secret["realtime"].arn }
    OpenItsOwnSecret         = local.open_secrets
    WriteDownSockets         = { actions = ["dynamodb:PutItem"], resource = module.socket_table.arn }
    FindSocketsOfATenant     = { actions = ["dynamodb:Query"], resource = module.socket_table.arn }
    ForgetSockets            = { actions = ["dynamodb:DeleteItem"], resource = module.socket_table.arn }
    CloseSockets             = { actions = ["execute-api:ManageConnections"], resource = module.websocket_api.close_arn }
    SendToSockets            = { actions = ["execute-api:ManageConnections"], resource = module.websocket_api.post_arn }
    TakeMessagesFromItsQueue = { actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], resource = module.job_event_queue.arn }
  }
}

resource "aws_lambda_event_source_mapping" "realtime" {
  count = local.has_websocket ? 1 : 0

  event_source_arn = module.job_event_queue.arn
  function_name    = module.realtime[0].arn

  # Whoever looks at a page notices a second, so nothing is waited for to fill a batch.
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  # Enough for thousands of jobs a minute; job events shall not take the account's concurrency from the door.
  scaling_config {
    maximum_concurrency = 5
  }
}

module "websocket_api" {
  source = "../websocket-api"

  is_made             = local.has_websocket
  name                = "${local.prefix}-websocket-api"
  description         = "Where pages hear what has become of jobs."
  function_name       = one(module.realtime[*].name)
  function_alias      = one(module.realtime[*].alias)
  function_invoke_arn = one(module.realtime[*].invoke_arn)
  requests_per_second = 100
}

module "job_event_queue" {
  source = "../queue"

  name                     = "${local.prefix}-job-events"
  consumer_timeout_seconds = local.realtime_timeout_seconds
  oldest_message_seconds   = 300
  retention_days           = 1 # A page has asked for its rows again long before.
  alarm_topic_arns         = var.alarm_topic_arns
}

module "socket_table" {
  source = "../table"

  name                   = "${local.prefix}-sockets"
  partition_key          = "belongs_to"
  sort_key               = "item"
  expiry_attribute       = "expires_at"
  point_in_time_recovery = true
}
