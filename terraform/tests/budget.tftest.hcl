mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name        = "zixly-test"
  monthly_usd = 50
  topic_arn   = "arn:aws:sns:ap-southeast-2:123456789012:alarms"
}

run "somebody_is_told_before_the_month_costs_too_much" {
  command = plan

  module {
    source = "../modules/budget"
  }

  assert {
    condition     = "${aws_budgets_budget.this.budget_type} ${aws_budgets_budget.this.time_unit} ${aws_budgets_budget.this.limit_amount} ${aws_budgets_budget.this.limit_unit}" == "COST MONTHLY 50 USD"
    error_message = "The budget is another than was given."
  }

  assert {
    condition = jsonencode({ for notification in aws_budgets_budget.this.notification : notification.notification_type => [
      notification.comparison_operator, notification.threshold, notification.threshold_type, notification.subscriber_sns_topic_arns,
      ] }) == jsonencode({
      ACTUAL     = ["GREATER_THAN", 80, "PERCENTAGE", [var.topic_arn]]
      FORECASTED = ["GREATER_THAN", 100, "PERCENTAGE", [var.topic_arn]]
    })
    error_message = "Nobody is told in time."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/budget"
  }

  variables {
    name        = "Zixly"
    monthly_usd = 0
  }

  expect_failures = [var.name, var.monthly_usd]
}
