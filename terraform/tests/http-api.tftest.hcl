mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name                = "zixly-test-http-api"
  description         = "Where a test's callers call."
  requests_per_second = 300
  log_retention_days  = 30

  functions = {
    webhook = {
      name       = "zixly-test-webhook"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook:live/invocations"
      routes     = ["GET /health", "$default"]
    }
    admin = {
      name       = "zixly-test-admin"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-admin:live/invocations"
      routes     = ["PATCH /api/admin/users/{id}"]
    }
  }
}

override_resource {
  target          = aws_apigatewayv2_integration.this["webhook"]
  override_during = plan
  values          = { id = "webhook" }
}

override_resource {
  target          = aws_apigatewayv2_integration.this["admin"]
  override_during = plan
  values          = { id = "admin" }
}

run "each_route_reaches_its_function_no_faster_than_it_may" {
  command = plan

  module {
    source = "../modules/http-api"
  }

  assert {
    condition = { for key, route in aws_apigatewayv2_route.this : key => route.target } == {
      "$default"                    = "integrations/webhook"
      "GET /health"                 = "integrations/webhook"
      "PATCH /api/admin/users/{id}" = "integrations/admin"
    }
    error_message = "A route leads elsewhere."
  }

  assert {
    condition = alltrue([for key, integration in aws_apigatewayv2_integration.this :
      integration.integration_uri == var.functions[key].invoke_arn && integration.payload_format_version == "2.0" && integration.integration_type == "AWS_PROXY"
    ])
    error_message = "A function is not called, or gets what it cannot read."
  }

  assert {
    condition = jsonencode([for key, permission in aws_lambda_permission.this : [
      permission.action, permission.function_name, permission.qualifier, permission.principal, permission.source_arn,
      ]]) == jsonencode([for function in ["zixly-test-admin", "zixly-test-webhook"] : [
      "lambda:InvokeFunction", function, "live", "apigateway.amazonaws.com", "${aws_apigatewayv2_api.this[0].execution_arn}/*/*",
    ]])
    error_message = "Another API may invoke a function, or this one may not."
  }

  assert {
    condition     = "${aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_rate_limit} ${aws_apigatewayv2_stage.this[0].default_route_settings[0].throttling_burst_limit}" == "300 600"
    error_message = "A flood uses up the account's limit."
  }

  assert {
    condition     = aws_apigatewayv2_stage.this[0].access_log_settings[0].destination_arn == aws_cloudwatch_log_group.access[0].arn && aws_cloudwatch_log_group.access[0].retention_in_days == 30
    error_message = "There is no access log, or it stays for ever."
  }

  # What customers write, and how they prove who they are, must not get into the log.
  assert {
    condition = values(jsondecode(aws_apigatewayv2_stage.this[0].access_log_settings[0].format)) == [for name in [
      "requestTime", "responseLatency", "integrationLatency", "integrationStatus", "httpMethod", "requestId", "responseLength", "routeKey", "identity.sourceIp", "status",
    ] : "$context.${name}"]
    error_message = "The access log has other fields: ${aws_apigatewayv2_stage.this[0].access_log_settings[0].format}"
  }

  assert {
    condition     = length(aws_apigatewayv2_api.this[0].cors_configuration) == 0
    error_message = "Pages of other hosts may call."
  }

  assert {
    condition     = !aws_apigatewayv2_api.this[0].disable_execute_api_endpoint && output.url == aws_apigatewayv2_api.this[0].api_endpoint
    error_message = "The API is nowhere."
  }
}

run "a_domain_is_the_one_way_in_and_listed_pages_may_call" {
  command = plan

  module {
    source = "../modules/http-api"
  }

  variables {
    is_reached_by_domain = true
    page_origins         = ["https://app.example.com"]
  }

  assert {
    condition     = aws_apigatewayv2_api.this[0].disable_execute_api_endpoint
    error_message = "The domain can be walked around."
  }

  # With credentials, a page could use somebody's cookies.
  assert {
    condition = (
      aws_apigatewayv2_api.this[0].cors_configuration[0].allow_origins == toset(["https://app.example.com"]) &&
      aws_apigatewayv2_api.this[0].cors_configuration[0].allow_methods == toset(["GET", "POST"]) &&
      !coalesce(aws_apigatewayv2_api.this[0].cors_configuration[0].allow_credentials, false)
    )
    error_message = "Other pages may call, or these may do more."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/http-api"
  }

  variables {
    name                = "API"
    requests_per_second = 0

    functions = {
      webhook = { name = "zixly-test-webhook", alias = "live", invoke_arn = "arn:…:function:zixly-test-webhook:live/invocations", routes = ["get health"] }
    }
  }

  expect_failures = [var.name, var.requests_per_second, var.functions]
}

run "a_function_is_called_by_its_alias" {
  command = plan

  module {
    source = "../modules/http-api"
  }

  variables {
    functions = {
      webhook = { name = "zixly-test-webhook", alias = "live", invoke_arn = "arn:…:function:zixly-test-webhook/invocations", routes = ["$default"] }
    }
  }

  expect_failures = [var.functions]
}
