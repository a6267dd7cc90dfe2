mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name                    = "zixly-test"
  function_names          = ["zixly-test-webhook", "zixly-test-worker"]
  apis                    = { webhook = { id = "api-1", name = "zixly-test-http-api" } }
  queue_names             = ["zixly-test-jobs"]
  dead_letter_queue_names = ["zixly-test-jobs-dead-letters"]
  metrics_namespace       = "Zixly/test"
  alarm_arns              = ["arn:aws:cloudwatch:ap-southeast-2:123456789012:alarm:lag"]
}

run "a_dashboard_shows_all_that_it_was_given" {
  command = plan

  module {
    source = "../modules/overview"
  }

  assert {
    condition     = jsonencode(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.alarms) == jsonencode(var.alarm_arns)
    error_message = "Alarms are not shown."
  }

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget if widget.type == "metric"]) == 12
    error_message = "There are not twelve charts."
  }

  # A widget that lies on another is not shown.
  assert {
    condition = (
      length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : "${widget.x},${widget.y}"])) == 13 &&
      alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    )
    error_message = "Two widgets are at one place, or one is beside the dashboard."
  }

  assert {
    condition = alltrue([
      for shown in concat(var.function_names, var.queue_names, var.dead_letter_queue_names, ["api-1", "Zixly/test"]) :
      strcontains(aws_cloudwatch_dashboard.this.dashboard_body, shown)
    ])
    error_message = "A function, queue or API is not shown."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/overview"
  }

  variables {
    name = "Zixly!"
  }

  expect_failures = [var.name]
}
