locals {
  # A WebSocket API has no stage without a name.
  stage = "live"
}

resource "aws_apigatewayv2_api" "this" {
  count = var.is_made ? 1 : 0

  name                       = var.name
  description                = var.description
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_integration" "this" {
  count = var.is_made ? 1 : 0

  api_id           = aws_apigatewayv2_api.this[0].id
  integration_type = "AWS_PROXY"
  integration_uri  = var.function_invoke_arn
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:The function lets a socket in by its ticket

  for_each = toset(var.is_made ? ["$connect", "$disconnect", "$default"] : [])

  api_id    = aws_apigatewayv2_api.this[0].id
  route_key = each.value
  target    = "integrations/${aws_apigatewayv2_integration.this[0].id}"

  # Without it, what the function answers to a message goes nowhere.
  route_response_selection_expression = each.value == "$default" ? "$default" : null
}

resource "aws_apigatewayv2_route_response" "this" {
  count = var.is_made ? 1 : 0

  api_id             = aws_apigatewayv2_api.this[0].id
  route_id           = aws_apigatewayv2_route.this["$default"].id
  route_response_key = "$default"
}

resource "aws_apigatewayv2_stage" "this" {
  #checkov:skip=CKV2_AWS_51:Callers are browsers, which have no certificates of ours
  #checkov:skip=CKV_AWS_76:AWS writes one only with a role in the settings of the whole account, which is not for one API to choose; the function logs who comes, who is refused and why, and who goes

  count = var.is_made ? 1 : 0

  api_id      = aws_apigatewayv2_api.this[0].id
  name        = local.stage
  auto_deploy = true

  # By the route, of all callers together. It keeps a page that knocks without pause from using up the account's limit,
  # which the other APIs share.
  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = 2 * var.requests_per_second
  }

  # A stage that deploys itself must not do so before there is something to deploy.
  depends_on = [aws_apigatewayv2_route.this, aws_apigatewayv2_route_response.this]
}
