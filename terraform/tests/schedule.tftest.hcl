mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

override_data {
  target          = data.aws_iam_policy_document.assume
  override_during = plan
  values          = { json = "{\"Id\":\"assume\"}" }
}

variables {
  name                = "zixly-test-scheduler"
  description         = "Starts a test's function."
  schedule_expression = "rate(1 minute)"
  function_name       = "zixly-test-scheduler"
  function_alias      = "live"
  function_arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-scheduler:live"
}

run "the_role_is_this_schedules_alone_and_starts_one_function" {
  command = plan

  module {
    source = "../modules/schedule"
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.assume.statement : [
      statement.sid, statement.actions, statement.principals, statement.condition,
      ]]) == jsonencode([[
      "ThisScheduleMayUseThisRole", ["sts:AssumeRole"], [{ identifiers = ["scheduler.amazonaws.com"], type = "Service" }],
      [
        { test = "StringEquals", values = ["123456789012"], variable = "aws:SourceAccount" },
        { test = "StringEquals", values = ["arn:aws:scheduler:ap-southeast-2:123456789012:schedule/default/zixly-test-scheduler"], variable = "aws:SourceArn" },
      ],
    ]])
    error_message = "Another schedule may use the role: ${jsonencode(data.aws_iam_policy_document.assume.statement)}"
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.permissions.statement : [statement.sid, statement.effect, statement.actions, statement.resources]]) == jsonencode([
      ["StartTheFunction", null, ["lambda:InvokeFunction"], [var.function_arn]],
    ])
    error_message = "The role may do something else."
  }

  assert {
    condition     = aws_iam_role.this.assume_role_policy == data.aws_iam_policy_document.assume.json && aws_iam_role_policy.this.policy == data.aws_iam_policy_document.permissions.json
    error_message = "The role has other policies."
  }

  # The default group is a part of the ARN in the role's condition.
  assert {
    condition     = aws_scheduler_schedule.this.name == "zixly-test-scheduler" && aws_scheduler_schedule.this.schedule_expression == "rate(1 minute)" && aws_scheduler_schedule.this.group_name == "default"
    error_message = "The schedule is another."
  }

  assert {
    condition     = aws_scheduler_schedule.this.target[0].arn == var.function_arn && aws_scheduler_schedule.this.target[0].role_arn == aws_iam_role.this.arn
    error_message = "Another function is started, or by another role."
  }

  assert {
    condition = (
      aws_scheduler_schedule.this.target[0].retry_policy[0].maximum_retry_attempts == 0 &&
      aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 0 &&
      aws_lambda_function_event_invoke_config.this.maximum_event_age_in_seconds == 60 &&
      aws_lambda_function_event_invoke_config.this.qualifier == "live"
    )
    error_message = "A run that was missed is made up for, beside the next one."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/schedule"
  }

  variables {
    name                = "Schedule"
    schedule_expression = "every minute"
    function_arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-scheduler" # No alias.
  }

  expect_failures = [var.name, var.schedule_expression, var.function_arn]
}
