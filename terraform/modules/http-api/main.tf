locals {
  functions = var.is_made ? var.functions : {}
}

resource "aws_apigatewayv2_api" "this" {
  count = var.is_made ? 1 : 0

  name          = var.name
  description   = var.description
  protocol_type = "HTTP"

  # One way in: what guards the domain, such as a firewall, is not walked around.
  disable_execute_api_endpoint = var.is_reached_by_domain

  # Without credentials: a page sends its token itself, and no cookie of anybody's goes with it.
  dynamic "cors_configuration" {
    for_each = length(var.page_origins) == 0 ? [] : [var.page_origins]

    content {
      allow_origins  = cors_configuration.value
      allow_methods  = ["GET", "POST"]
      allow_headers  = ["authorization", "content-type", "idempotency-key"]
      expose_headers = ["idempotent-replayed", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after"]
      max_age        = 600
    }
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = local.functions

  api_id                 = aws_apigatewayv2_api.this[0].id
  integration_type       = "AWS_PROXY"
  integration_uri        = each.value.invoke_arn
  payload_format_version = "2.0"
}

# What no route is for is answered by the API itself, with 404, unless `$default` is one of them.
resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:The function checks signatures, keys and tokens itself: a delivery is signed over its bytes, which no authorizer sees

  for_each = merge([for key, function in local.functions : { for route in function.routes : route => key }]...)

  api_id    = aws_apigatewayv2_api.this[0].id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.this[each.value].id}"
}

resource "aws_apigatewayv2_stage" "this" {
  #checkov:skip=CKV2_AWS_51:Callers are providers and browsers, which have no certificates of ours

  count = var.is_made ? 1 : 0

  api_id      = aws_apigatewayv2_api.this[0].id
  name        = "$default"
  auto_deploy = true

  # By the route, of all callers together: it keeps a flood from using up the account's limit, which other APIs share.
  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = 2 * var.requests_per_second
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access[0].arn

    # Names follow the functions' own log lines. No body, header or query: they hold what customers wrote.
    format = jsonencode({
      "request.id"           = "$context.requestId"
      "at"                   = "$context.requestTime"
      "source.ip"            = "$context.identity.sourceIp"
      "method"               = "$context.httpMethod"
      "route"                = "$context.routeKey"
      "status"               = "$context.status"
      "response.bytes"       = "$context.responseLength"
      "duration_ms"          = "$context.responseLatency"
      "function.duration_ms" = "$context.integrationLatency"
      "function.status"      = "$context.integrationStatus"
    })
  }

  # A stage that deploys itself must not do so before there is a route to deploy.
  depends_on = [aws_apigatewayv2_route.this]
}

# The prefix spares a resource policy entry for each group; their number in an account is small and fixed.
resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with a key of its own, and no line holds a secret or what customers wrote
  #checkov:skip=CKV_AWS_338:The owner says how long; who did what is kept in the audit log of the database

  count = var.is_made ? 1 : 0

  name              = "/aws/vendedlogs/${var.name}"
  retention_in_days = var.log_retention_days
}
