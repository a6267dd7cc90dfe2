mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

override_resource {
  target          = aws_apigatewayv2_api.this
  override_during = plan
  values = {
    id            = "api-1"
    execution_arn = "arn:aws:execute-api:ap-southeast-2:123456789012:api-1"
    api_endpoint  = "wss://api-1.execute-api.ap-southeast-2.amazonaws.com"
  }
}

override_resource {
  target          = aws_apigatewayv2_integration.this
  override_during = plan
  values          = { id = "realtime" }
}

variables {
  name                = "zixly-test-websocket-api"
  description         = "Where a test's pages listen."
  function_name       = "zixly-test-realtime"
  function_alias      = "live"
  function_invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-realtime:live/invocations"
  requests_per_second = 100
}

run "sockets_reach_one_function_no_faster_than_they_may" {
  command = plan

  module {
    source = "../modules/websocket-api"
  }

  assert {
    condition     = aws_apigatewayv2_api.this[0].protocol_type == "WEBSOCKET" && aws_apigatewayv2_integration.this[0].integration_uri == var.function_invoke_arn
    error_message = "Another function hears of sockets."
  }

  assert {
    condition = jsonencode({ for key, route in aws_apigatewayv2_route.this : key => [route.target, route.route_response_selection_expression] }) == jsonencode({
      "$connect"    = ["integrations/realtime", null]
      "$default"    = ["integrations/realtime", "$default"]
      "$disconnect" = ["integrations/realtime", null]
    })
    error_message = "The function does not hear of every socket, or its answers go nowhere."
  }

  assert {
    condition     = "${aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit} ${aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit}" == "100 200"
    error_message = "A flood uses up the account's limit."
  }

  assert {
    condition = [
      aws_lambda_permission.this[0].action, aws_lambda_permission.this[0].function_name, aws_lambda_permission.this[0].qualifier,
      aws_lambda_permission.this[0].principal, aws_lambda_permission.this[0].source_arn,
      ] == [
      "lambda:InvokeFunction", "zixly-test-realtime", "live",
      "apigateway.amazonaws.com", "arn:aws:execute-api:ap-southeast-2:123456789012:api-1/*/*",
    ]
    error_message = "Another API may invoke the function, or this one may not."
  }

  assert {
    condition = [output.url, output.management_url, output.post_arn, output.close_arn] == [
      "wss://api-1.execute-api.ap-southeast-2.amazonaws.com/live", "https://api-1.execute-api.ap-southeast-2.amazonaws.com/live",
      "arn:aws:execute-api:ap-southeast-2:123456789012:api-1/live/POST/@connections/*",
      "arn:aws:execute-api:ap-southeast-2:123456789012:api-1/live/DELETE/@connections/*",
    ]
    error_message = "The API is elsewhere, or a permission is for more than its sockets."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/websocket-api"
  }

  variables {
    name                = "Sockets"
    requests_per_second = 10001
    function_invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-realtime/invocations" # No alias.
  }

  expect_failures = [var.name, var.requests_per_second, var.function_invoke_arn]
}
