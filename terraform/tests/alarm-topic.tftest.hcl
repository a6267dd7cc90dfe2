mock_provider "aws" {
  source = "./mocks"
}

variables {
  name   = "zixly-test-alarms"
  emails = ["operations@example.com", "owner@example.com"]
}

run "alarms_and_budgets_of_this_account_speak_here_and_nobody_else" {
  module {
    source = "../modules/alarm-topic"
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.this.statement : {
      sid        = statement.sid
      effect     = statement.effect
      actions    = statement.actions
      resources  = statement.resources
      principals = statement.principals
      conditions = statement.condition
      }]) == jsonencode([
      {
        sid        = "AlarmsAndBudgetsOfThisAccountMaySpeakHere"
        effect     = null
        actions    = ["sns:Publish"]
        resources  = [aws_sns_topic.this.arn]
        principals = [{ identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"], type = "Service" }]
        conditions = [{ test = "StringEquals", values = ["123456789012"], variable = "aws:SourceAccount" }]
      },
      {
        sid        = "RefuseWhateverIsNotEncryptedOnItsWay"
        effect     = "Deny"
        actions    = ["sns:Publish"]
        resources  = [aws_sns_topic.this.arn]
        principals = [{ identifiers = ["*"], type = "*" }]
        conditions = [{ test = "Bool", values = ["false"], variable = "aws:SecureTransport" }]
      },
    ])
    error_message = "The topic's policy is another: ${jsonencode(data.aws_iam_policy_document.this.statement)}"
  }

  assert {
    condition     = aws_sns_topic_policy.this.arn == aws_sns_topic.this.arn && aws_sns_topic_policy.this.policy == data.aws_iam_policy_document.this.json
    error_message = "The topic does not have its policy."
  }

  assert {
    condition = { for email, subscription in aws_sns_topic_subscription.email : email => "${subscription.protocol} ${subscription.endpoint}" } == {
      "operations@example.com" = "email operations@example.com"
      "owner@example.com"      = "email owner@example.com"
    }
    error_message = "Somebody is not told, or not by e-mail."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/alarm-topic"
  }

  variables {
    name   = "Alarms!"
    emails = ["operations"]
  }

  expect_failures = [var.name, var.emails]
}
