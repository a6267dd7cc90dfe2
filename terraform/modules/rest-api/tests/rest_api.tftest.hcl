mock_provider "aws" {
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:ap-southeast-2:123456789012:log-group:access" }
  }
  mock_data "aws_region" {
    defaults = { name = "ap-southeast-2" }
  }
}

override_resource {
  target = aws_api_gateway_rest_api.this[0]
  values = { id = "abc123", root_resource_id = "root", execution_arn = "arn:aws:execute-api:ap-southeast-2:123456789012:abc123" }
}

variables {
  name                = "zixly-test-api"
  description         = "An API of a test."
  requests_per_second = 100
  log_retention_days  = 30
  functions = {
    webhook = {
      name       = "webhook"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:webhook:live/invocations"
      routes     = ["POST /webhook/jobs/{id}/cancel", "GET /webhook/jobs/{id}", "GET /health", "$default"]
    }
  }
}

run "every_route_has_a_method_on_a_resource_of_its_own" {
  command = apply

  assert {
    condition = toset(keys(aws_api_gateway_integration.this)) == toset([
      "ANY /", "ANY /{proxy+}", "GET /health", "GET /webhook/jobs/{id}", "POST /webhook/jobs/{id}/cancel",
    ])
    error_message = "The routes are ${jsonencode(keys(aws_api_gateway_integration.this))}."
  }

  assert {
    condition     = aws_api_gateway_method.this["ANY /"].resource_id == "root"
    error_message = "The root is the API's own resource."
  }

  assert {
    condition = (
      aws_api_gateway_resource.depth_4["/webhook/jobs/{id}/cancel"].parent_id == aws_api_gateway_resource.depth_3["/webhook/jobs/{id}"].id
      && aws_api_gateway_resource.depth_4["/webhook/jobs/{id}/cancel"].path_part == "cancel"
      && keys(aws_api_gateway_resource.depth_1) == ["/health", "/webhook", "/{proxy+}"]
      && length(aws_api_gateway_resource.depth_5) == 0
    )
    error_message = "A path is a resource below the one before it, and each is made once."
  }

  assert {
    condition     = output.url == "https://abc123.execute-api.ap-southeast-2.amazonaws.com/live"
    error_message = "The address is ${output.url}."
  }

  assert {
    condition     = aws_lambda_permission.this["webhook"].source_arn == "arn:aws:execute-api:ap-southeast-2:123456789012:abc123/*/*"
    error_message = "No other API may call the function."
  }
}

run "other_routes_are_another_deployment" {
  command = plan

  variables {
    functions = {
      webhook = {
        name       = "webhook"
        alias      = "live"
        invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:webhook:live/invocations"
        routes     = ["GET /health"]
      }
    }
  }

  assert {
    condition     = aws_api_gateway_deployment.this[0].triggers.routes == sha1(jsonencode({ "GET /health" = var.functions.webhook.invoke_arn }))
    error_message = "A deployment stands for its routes and what answers them; otherwise the one before is served on."
  }
}

run "a_route_without_a_method_is_refused" {
  command = plan

  variables {
    functions = {
      webhook = { name = "webhook", alias = "live", invoke_arn = "arn:webhook:live/invocations", routes = ["/health"] }
    }
  }

  expect_failures = [var.functions]
}
