data "aws_region" "current" {}

locals {
  # A REST API has no stage without a name, and its address shows it.
  stage = "live"

  functions = var.is_made ? var.functions : {}

  # `$default` is what a REST API has to be told twice: the root, and all below it.
  routes = merge(flatten([
    for key, function in local.functions : [
      for route in function.routes : {
        for method_and_path in route == "$default" ? ["ANY /", "ANY /{proxy+}"] : [route] : method_and_path => {
          method   = split(" ", method_and_path)[0]
          path     = split(" ", method_and_path)[1]
          function = key
        }
      }
    ]
  ])...)

  # Every segment of a path is a resource below the one before it. A resource cannot refer to others of its own block, so
  # each depth has a block; `paths[2]` holds `/webhook/jobs`.
  paths = { for depth in range(1, 6) : depth => toset([
    for route in local.routes : join("/", slice(split("/", route.path), 0, depth + 1))
    if length(split("/", route.path)) > depth && route.path != "/"
  ]) }

  resource_ids = merge(
    { "/" = one(aws_api_gateway_rest_api.this[*].root_resource_id) },
    { for path, resource in merge(
      aws_api_gateway_resource.depth_1, aws_api_gateway_resource.depth_2, aws_api_gateway_resource.depth_3,
      aws_api_gateway_resource.depth_4, aws_api_gateway_resource.depth_5,
    ) : path => resource.id },
  )
}

resource "aws_api_gateway_rest_api" "this" {
  #checkov:skip=CKV_AWS_237:Made on a local AWS only, where there are no HTTP APIs

  count = var.is_made ? 1 : 0

  name        = var.name
  description = var.description

  # All bodies are handed on as they came: a signature is over their bytes, and a page's answer is compressed.
  binary_media_types = ["*/*"]

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

resource "aws_api_gateway_resource" "depth_1" {
  for_each = local.paths[1]

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  parent_id   = aws_api_gateway_rest_api.this[0].root_resource_id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "depth_2" {
  for_each = local.paths[2]

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  parent_id   = aws_api_gateway_resource.depth_1[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "depth_3" {
  for_each = local.paths[3]

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  parent_id   = aws_api_gateway_resource.depth_2[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "depth_4" {
  for_each = local.paths[4]

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  parent_id   = aws_api_gateway_resource.depth_3[dirname(each.value)].id
  path_part   = basename(each.value)
}

resource "aws_api_gateway_resource" "depth_5" {
  for_each = local.paths[5]

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  parent_id   = aws_api_gateway_resource.depth_4[dirname(each.value)].id
  path_part   = basename(each.value)
}

# Who calls is the function's affair, as behind an HTTP API.
resource "aws_api_gateway_method" "this" {
  #checkov:skip=CKV_AWS_59:The function checks signatures, keys and tokens itself
  #checkov:skip=CKV2_AWS_53:The function checks what it is sent

  for_each = local.routes

  rest_api_id   = aws_api_gateway_rest_api.this[0].id
  resource_id   = local.resource_ids[each.value.path]
  http_method   = each.value.method
  authorization = "NONE"
}

resource "aws_api_gateway_integration" "this" {
  for_each = local.routes

  rest_api_id             = aws_api_gateway_rest_api.this[0].id
  resource_id             = aws_api_gateway_method.this[each.key].resource_id
  http_method             = aws_api_gateway_method.this[each.key].http_method
  type                    = "AWS_PROXY"
  integration_http_method = "POST" # How Lambda is called, whatever the caller's method.
  uri                     = var.functions[each.value.function].invoke_arn
}

# A REST API does not deploy itself: what was deployed last is served until there is another deployment.
resource "aws_api_gateway_deployment" "this" {
  count = var.is_made ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.this[0].id

  triggers = {
    routes = sha1(jsonencode({ for key, route in local.routes : key => var.functions[route.function].invoke_arn }))
  }

  # The stage serves the old deployment until it has the new one.
  lifecycle {
    create_before_destroy = true
  }

  depends_on = [aws_api_gateway_integration.this]
}

resource "aws_api_gateway_stage" "this" {
  #checkov:skip=CKV_AWS_73:Made on a local AWS only, where there are no HTTP APIs
  #checkov:skip=CKV_AWS_120:Made on a local AWS only, where there are no HTTP APIs
  #checkov:skip=CKV2_AWS_4:Made on a local AWS only, where there are no HTTP APIs
  #checkov:skip=CKV2_AWS_29:Made on a local AWS only, where there are no HTTP APIs
  #checkov:skip=CKV2_AWS_51:Made on a local AWS only, where there are no HTTP APIs

  count = var.is_made ? 1 : 0

  rest_api_id   = aws_api_gateway_rest_api.this[0].id
  deployment_id = aws_api_gateway_deployment.this[0].id
  stage_name    = local.stage

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access[0].arn

    # Names follow the functions' own log lines. No body, header or query: they hold what customers wrote.
    format = jsonencode({
      "request.id"           = "$context.requestId"
      "at"                   = "$context.requestTime"
      "source.ip"            = "$context.identity.sourceIp"
      "method"               = "$context.httpMethod"
      "route"                = "$context.resourcePath"
      "status"               = "$context.status"
      "response.bytes"       = "$context.responseLength"
      "duration_ms"          = "$context.responseLatency"
      "function.duration_ms" = "$context.integrationLatency"
      "function.status"      = "$context.integrationStatus"
    })
  }
}

# By the route, of all callers together: it keeps a flood from using up the account's limit, which other APIs share.
resource "aws_api_gateway_method_settings" "this" {
  #checkov:skip=CKV_AWS_225:Made on a local AWS only, where there are no HTTP APIs

  count = var.is_made ? 1 : 0

  rest_api_id = aws_api_gateway_rest_api.this[0].id
  stage_name  = aws_api_gateway_stage.this[0].stage_name
  method_path = "*/*"

  settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = 2 * var.requests_per_second
  }
}

# The prefix spares a resource policy entry for each group; their number in an account is small and fixed.
resource "aws_cloudwatch_log_group" "access" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with a key of its own, and no line holds a secret or what customers wrote
  #checkov:skip=CKV_AWS_338:The owner says how long; who did what is kept in the audit log of the database

  count = var.is_made ? 1 : 0

  name              = "/aws/vendedlogs/${var.name}"
  retention_in_days = var.log_retention_days
}
