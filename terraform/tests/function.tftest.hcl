mock_provider "aws" {
  source = "./mocks"
}

override_data {
  target = data.aws_iam_policy_document.assume
  values = { json = "{\"Id\":\"assume\"}" }
}

variables {
  name                 = "zixly-test"
  description          = "Does what a test asks."
  zip_path             = "zips/any.zip"
  architecture         = "arm64"
  memory_mb            = 256
  timeout_seconds      = 10
  reserved_concurrency = 5
  log_retention_days   = 30
  environment          = { FUNCTION_SECRET_ARN = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:zixly/test" }

  permissions = {
    OpenItsSecret = { actions = ["kms:Decrypt"], resource = "arn:aws:kms:ap-southeast-2:123456789012:key/test", via_service = "secretsmanager" }
    RingTheWorker = { actions = ["sqs:SendMessage"], resource = "arn:aws:sqs:ap-southeast-2:123456789012:zixly-test-jobs" }
  }
}

run "a_function_may_do_what_it_was_given_and_no_more" {
  module {
    source = "../modules/function"
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.assume.statement : [
      statement.sid, statement.effect, statement.actions, statement.principals, statement.condition,
      ]]) == jsonencode([
      ["LambdaMayRunAsThisRole", null, ["sts:AssumeRole"], [{ identifiers = ["lambda.amazonaws.com"], type = "Service" }], []],
    ])
    error_message = "Somebody else may act as the function."
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.permissions.statement : [
      statement.sid, statement.effect, statement.actions, statement.resources, statement.condition,
      ]]) == jsonencode([
      ["WriteItsOwnLogs", null, ["logs:CreateLogStream", "logs:PutLogEvents"], ["${aws_cloudwatch_log_group.this.arn}:*"], []],
      ["OpenItsSecret", null, ["kms:Decrypt"], [var.permissions.OpenItsSecret.resource], [{ test = "StringEquals", values = ["secretsmanager.ap-southeast-2.amazonaws.com"], variable = "kms:ViaService" }]],
      ["RingTheWorker", null, ["sqs:SendMessage"], [var.permissions.RingTheWorker.resource], []],
    ])
    error_message = "The function may do something else: ${jsonencode(data.aws_iam_policy_document.permissions.statement)}"
  }

  assert {
    condition = (
      aws_iam_role.this.assume_role_policy == data.aws_iam_policy_document.assume.json &&
      aws_iam_role_policy.this.policy == data.aws_iam_policy_document.permissions.json &&
      aws_iam_role_policy.this.role == aws_iam_role.this.id && aws_lambda_function.this.role == aws_iam_role.this.arn
    )
    error_message = "The function has another role, or the role other policies."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/zixly-test" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "Log lines go elsewhere, or stay for ever."
  }

  assert {
    condition     = jsonencode(aws_lambda_function.this.logging_config) == jsonencode([{ application_log_level = "INFO", log_format = "JSON", log_group = "/aws/lambda/zixly-test", system_log_level = "WARN" }])
    error_message = "Log lines are not what the alarms and queries read."
  }

  assert {
    condition = (
      aws_lambda_function.this.architectures == tolist(["arm64"]) && aws_lambda_function.this.runtime == "provided.al2023" &&
      aws_lambda_function.this.memory_size == 256 && aws_lambda_function.this.timeout == 10 &&
      aws_lambda_function.this.source_code_hash == filebase64sha256("zips/any.zip")
    )
    error_message = "The function is another, or a new zip would not be noticed."
  }

  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == 5
    error_message = "The function may take the account's environments from the others."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "PassThrough"
    error_message = "Invocations are traced, and billed, without anybody's asking."
  }

  assert {
    condition     = length(aws_lambda_alias.rolled_out) == 0 && aws_lambda_alias.this[0].function_version == aws_lambda_function.this.version
    error_message = "A new version is not put in use."
  }

  assert {
    condition     = aws_lambda_function.this.publish && output.alias == "live" && output.arn == aws_lambda_alias.this[0].arn && output.invoke_arn == aws_lambda_alias.this[0].invoke_arn
    error_message = "Callers are given something else than the alias."
  }
}

run "a_rollout_moves_the_alias_and_x_ray_is_sent_its_traces" {
  module {
    source = "../modules/function"
  }

  variables {
    is_rolled_out        = true
    is_traced            = true
    reserved_concurrency = null
    permissions          = {}
  }

  assert {
    condition     = length(aws_lambda_alias.this) == 0 && output.alias == "live" && output.arn == aws_lambda_alias.rolled_out[0].arn
    error_message = "Terraform would move the alias by itself."
  }

  assert {
    condition     = aws_lambda_function.this.tracing_config[0].mode == "Active"
    error_message = "Nothing is traced."
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.permissions.statement : [statement.sid, statement.actions, statement.resources]]) == jsonencode([
      ["WriteItsOwnLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], ["${aws_cloudwatch_log_group.this.arn}:*"]],
      ["SendTraces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], ["*"]],
    ])
    error_message = "The function may not send its traces, or may do more."
  }

  # 0 would stop the function.
  assert {
    condition     = aws_lambda_function.this.reserved_concurrent_executions == -1
    error_message = "The function has a limit that nobody gave it."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/function"
  }

  variables {
    name                 = "Zixly"
    architecture         = "amd64"
    memory_mb            = 64
    timeout_seconds      = 901
    reserved_concurrency = 0 # It would stop the function.
    permissions          = { DoAnything = { actions = ["s3:*"], resource = "*" } }
  }

  expect_failures = [var.name, var.architecture, var.memory_mb, var.timeout_seconds, var.reserved_concurrency, var.permissions]
}

run "a_zip_that_is_not_built_is_missed_before_anything_is_made" {
  command = plan

  module {
    source = "../modules/function"
  }

  variables {
    zip_path = "zips/none.zip"
  }

  expect_failures = [var.zip_path]
}
