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
  name = "zixly-test-rollout"

  functions = {
    webhook = { name = "zixly-test-webhook", alias = "live", alarm_names = ["zixly-test-webhook-errors", "zixly-test-http-api-errors"] }
  }
}

run "a_rollout_goes_back_on_an_alarm_and_moves_nothing_but_the_aliases" {
  command = plan

  module {
    source = "../modules/rollout"
  }

  assert {
    condition     = aws_codedeploy_app.this.compute_platform == "Lambda" && output.application == "zixly-test-rollout"
    error_message = "The application is another."
  }

  assert {
    condition = jsonencode([for group in aws_codedeploy_deployment_group.this : [
      group.app_name, group.deployment_group_name, group.service_role_arn, group.deployment_config_name, group.deployment_style,
      ]]) == jsonencode([[
      "zixly-test-rollout", "zixly-test-webhook", aws_iam_role.this.arn, "CodeDeployDefault.LambdaCanary10Percent5Minutes",
      [{ deployment_option = "WITH_TRAFFIC_CONTROL", deployment_type = "BLUE_GREEN" }],
    ]])
    error_message = "A new version is not put in use step by step."
  }

  assert {
    condition = (
      aws_codedeploy_deployment_group.this["webhook"].alarm_configuration[0].enabled &&
      aws_codedeploy_deployment_group.this["webhook"].alarm_configuration[0].alarms == toset(var.functions.webhook.alarm_names) &&
      aws_codedeploy_deployment_group.this["webhook"].auto_rollback_configuration[0].enabled &&
      aws_codedeploy_deployment_group.this["webhook"].auto_rollback_configuration[0].events == toset(["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"])
    )
    error_message = "A new version that fails stays in use."
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.assume.statement : [
      statement.sid, statement.actions, statement.principals, statement.condition,
      ]]) == jsonencode([[
      "DeploymentsOfThisAccountMayUseThisRole", ["sts:AssumeRole"], [{ identifiers = ["codedeploy.amazonaws.com"], type = "Service" }],
      [{ test = "StringEquals", values = ["123456789012"], variable = "aws:SourceAccount" }],
    ]])
    error_message = "Deployments of another account may use the role."
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.permissions.statement : [statement.sid, statement.effect, statement.actions, statement.resources]]) == jsonencode([
      ["MoveTheAliases", null, ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"], [
        "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook", "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook:live",
      ]],
      ["LookAtTheAlarms", null, ["cloudwatch:DescribeAlarms"], ["arn:aws:cloudwatch:ap-southeast-2:123456789012:alarm:*"]],
    ])
    error_message = "The role may do something else: ${jsonencode(data.aws_iam_policy_document.permissions.statement)}"
  }

  assert {
    condition     = aws_iam_role.this.assume_role_policy == data.aws_iam_policy_document.assume.json && aws_iam_role_policy.this.policy == data.aws_iam_policy_document.permissions.json
    error_message = "The role has other policies."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/rollout"
  }

  variables {
    name              = "Rollout"
    functions         = { webhook = { name = "zixly-test-webhook", alias = "live", alarm_names = [] } } # It would never go back.
    deployment_config = "all at once"
  }

  expect_failures = [var.name, var.functions, var.deployment_config]
}
