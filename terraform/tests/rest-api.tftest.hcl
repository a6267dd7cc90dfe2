mock_provider "aws" {
  source = "./mocks"
}

variables {
  name                = "zixly-test-rest-api"
  description         = "Where a test's callers call."
  requests_per_second = 300
  log_retention_days  = 30

  functions = {
    webhook = {
      name       = "zixly-test-webhook"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook:live/invocations"
      routes     = ["GET /health", "POST /webhook/jobs/{id}/cancel", "$default"]
    }
    admin = {
      name       = "zixly-test-admin"
      alias      = "live"
      invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-admin:live/invocations"
      routes     = ["PATCH /api/admin/users/{id}"]
    }
  }
}

run "each_route_reaches_its_function_no_faster_than_it_may" {
  module {
    source = "../modules/rest-api"
  }

  assert {
    condition = { for key, integration in aws_api_gateway_integration.this : key => integration.uri } == {
      "ANY /"                          = var.functions.webhook.invoke_arn
      "ANY /{proxy+}"                  = var.functions.webhook.invoke_arn
      "GET /health"                    = var.functions.webhook.invoke_arn
      "POST /webhook/jobs/{id}/cancel" = var.functions.webhook.invoke_arn
      "PATCH /api/admin/users/{id}"    = var.functions.admin.invoke_arn
    }
    error_message = "A route leads elsewhere."
  }

  assert {
    condition = { for key, method in aws_api_gateway_method.this : key => method.http_method } == {
      for route in keys(aws_api_gateway_integration.this) : route => split(" ", route)[0]
    }
    error_message = "A route is another method's."
  }

  assert {
    condition     = alltrue([for integration in aws_api_gateway_integration.this : integration.type == "AWS_PROXY" && integration.integration_http_method == "POST"])
    error_message = "Lambda is not called as it wants to be."
  }

  # Each path is below the one before it.
  assert {
    condition = (
      keys(aws_api_gateway_resource.depth_1) == ["/api", "/health", "/webhook", "/{proxy+}"] &&
      keys(aws_api_gateway_resource.depth_4) == ["/api/admin/users/{id}", "/webhook/jobs/{id}/cancel"] &&
      length(aws_api_gateway_resource.depth_5) == 0 &&
      aws_api_gateway_resource.depth_4["/webhook/jobs/{id}/cancel"].path_part == "cancel" &&
      aws_api_gateway_resource.depth_4["/webhook/jobs/{id}/cancel"].parent_id == aws_api_gateway_resource.depth_3["/webhook/jobs/{id}"].id &&
      aws_api_gateway_resource.depth_1["/webhook"].parent_id == aws_api_gateway_rest_api.this[0].root_resource_id &&
      aws_api_gateway_method.this["PATCH /api/admin/users/{id}"].resource_id == aws_api_gateway_resource.depth_4["/api/admin/users/{id}"].id &&
      aws_api_gateway_method.this["ANY /"].resource_id == aws_api_gateway_rest_api.this[0].root_resource_id
    )
    error_message = "A path is somewhere else."
  }

  assert {
    condition     = aws_api_gateway_rest_api.this[0].binary_media_types == tolist(["*/*"])
    error_message = "Bodies are changed on their way, and signatures with them."
  }

  assert {
    condition = jsonencode([for key, permission in aws_lambda_permission.this : [
      permission.action, permission.function_name, permission.qualifier, permission.principal, permission.source_arn,
      ]]) == jsonencode([for function in ["zixly-test-admin", "zixly-test-webhook"] : [
      "lambda:InvokeFunction", function, "live", "apigateway.amazonaws.com", "${aws_api_gateway_rest_api.this[0].execution_arn}/*/*",
    ]])
    error_message = "Another API may invoke a function, or this one may not."
  }

  assert {
    condition     = "${aws_api_gateway_method_settings.this[0].method_path} ${aws_api_gateway_method_settings.this[0].settings[0].throttling_rate_limit} ${aws_api_gateway_method_settings.this[0].settings[0].throttling_burst_limit}" == "*/* 300 600"
    error_message = "A flood uses up the account's limit."
  }

  assert {
    condition     = aws_api_gateway_stage.this[0].access_log_settings[0].destination_arn == aws_cloudwatch_log_group.access[0].arn && aws_cloudwatch_log_group.access[0].retention_in_days == 30
    error_message = "There is no access log, or it stays for ever."
  }

  assert {
    condition     = output.url == "https://mocked-api.execute-api.ap-southeast-2.amazonaws.com/live" && aws_api_gateway_stage.this[0].stage_name == "live"
    error_message = "The API is elsewhere."
  }
}

run "other_routes_are_another_deployment" {
  command = plan

  module {
    source = "../modules/rest-api"
  }

  variables {
    functions = {
      webhook = {
        name       = "zixly-test-webhook"
        alias      = "live"
        invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook:live/invocations"
        routes     = ["GET /health"]
      }
    }
  }

  assert {
    condition     = aws_api_gateway_deployment.this[0].triggers.routes == sha1(jsonencode({ "GET /health" = var.functions.webhook.invoke_arn }))
    error_message = "A deployment does not stand for its routes and what answers them, so the one before is served on."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/rest-api"
  }

  variables {
    name                = "API"
    requests_per_second = 0

    functions = {
      webhook = { name = "zixly-test-webhook", alias = "live", invoke_arn = "arn:…:function:zixly-test-webhook:live/invocations", routes = ["GET /a/b/c/d/e/f"] }
    }
  }

  expect_failures = [var.name, var.requests_per_second, var.functions]
}

run "a_route_without_a_method_is_refused" {
  command = plan

  module {
    source = "../modules/rest-api"
  }

  variables {
    functions = {
      webhook = { name = "zixly-test-webhook", alias = "live", invoke_arn = "arn:…:function:zixly-test-webhook:live/invocations", routes = ["/health"] }
    }
  }

  expect_failures = [var.functions]
}
