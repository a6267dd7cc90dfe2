mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name              = "zixly-test"
  topic_arns        = ["arn:aws:sns:ap-southeast-2:123456789012:alarms"]
  function_names    = ["zixly-test-webhook"]
  apis              = { webhook = { id = "api-1", name = "zixly-test-http-api" } }
  metrics_namespace = "Zixly/test"
}

run "each_alarm_goes_off_when_it_shall_and_tells_its_topic" {
  command = plan

  module {
    source = "../modules/alarms"
  }

  assert {
    condition = jsonencode({ for name, alarm in {
      throttles = aws_cloudwatch_metric_alarm.function_throttles["zixly-test-webhook"]
      lag       = aws_cloudwatch_metric_alarm.lag
      no_data   = aws_cloudwatch_metric_alarm.no_data
      failed    = aws_cloudwatch_metric_alarm.failed_jobs
      } : name => [
      alarm.alarm_name, alarm.namespace, alarm.metric_name, jsonencode(alarm.dimensions), alarm.statistic,
      alarm.comparison_operator, alarm.threshold, alarm.period, alarm.evaluation_periods, alarm.treat_missing_data,
      ] }) == jsonencode({
      throttles = ["zixly-test-webhook-throttles", "AWS/Lambda", "Throttles", jsonencode({ FunctionName = "zixly-test-webhook" }), "Sum", "GreaterThanThreshold", 0, 60, 5, "notBreaching"]
      lag       = ["zixly-test-lag", "Zixly/test", "pipeline_job_lag_seconds", "null", "Maximum", "GreaterThanThreshold", 300, 60, 5, "ignore"]
      no_data   = ["zixly-test-no-data", "Zixly/test", "pipeline_job_lag_seconds", "null", "SampleCount", "LessThanThreshold", 1, 60, 5, "breaching"]
      failed    = ["zixly-test-failed-jobs", "Zixly/test", "pipeline_jobs_processed_total", jsonencode({ status = "failed" }), "Sum", "GreaterThanThreshold", 6, 60, 5, "notBreaching"]
    })
    error_message = "An alarm of one metric is another."
  }

  assert {
    condition = alltrue([for alarm in [aws_cloudwatch_metric_alarm.function_errors["zixly-test-webhook"], aws_cloudwatch_metric_alarm.api_errors["webhook"]] :
      alarm.comparison_operator == "GreaterThanThreshold" && alarm.threshold == 5 && alarm.treat_missing_data == "notBreaching" &&
      alarm.datapoints_to_alarm == 3 && alarm.evaluation_periods == 5
    ])
    error_message = "A share of failures of 5 % in three of five minutes is not what raises the alarm."
  }

  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.function_errors["zixly-test-webhook"], aws_cloudwatch_metric_alarm.api_errors["webhook"]] :
      { for query in alarm.metric_query : query.id => try("${query.metric[0].namespace} ${query.metric[0].metric_name} ${jsonencode(query.metric[0].dimensions)} ${query.metric[0].stat} ${query.metric[0].period}", query.expression) }
      ]) == jsonencode([
      {
        failed  = "AWS/Lambda Errors ${jsonencode({ FunctionName = "zixly-test-webhook" })} Sum 60"
        invoked = "AWS/Lambda Invocations ${jsonencode({ FunctionName = "zixly-test-webhook" })} Sum 60"
        percent = "100 * failed / invoked"
      },
      {
        failed   = "AWS/ApiGateway 5xx ${jsonencode({ ApiId = "api-1" })} Sum 60"
        percent  = "100 * failed / requests"
        requests = "AWS/ApiGateway Count ${jsonencode({ ApiId = "api-1" })} Sum 60"
      },
    ])
    error_message = "The share is not that of failures."
  }

  assert {
    condition = alltrue([for alarm in concat(
      values(aws_cloudwatch_metric_alarm.function_errors), values(aws_cloudwatch_metric_alarm.function_throttles), values(aws_cloudwatch_metric_alarm.api_errors),
      [aws_cloudwatch_metric_alarm.lag, aws_cloudwatch_metric_alarm.no_data, aws_cloudwatch_metric_alarm.failed_jobs],
    ) : alarm.alarm_actions == toset(var.topic_arns) && alarm.ok_actions == toset(var.topic_arns)])
    error_message = "An alarm goes off, or ends, and nobody hears of it."
  }

  assert {
    condition = jsonencode([output.function_alarm_names, output.api_alarm_names]) == jsonencode([
      { zixly-test-webhook = ["zixly-test-webhook-errors"] },
      { webhook = ["zixly-test-http-api-errors"] },
    ])
    error_message = "A rollout would watch other alarms."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/alarms"
  }

  variables {
    name                   = "Zixly"
    error_percent          = 100
    lag_seconds            = 60 # The scheduler's own minute.
    failed_jobs_per_minute = -1
  }

  expect_failures = [var.name, var.error_percent, var.lag_seconds, var.failed_jobs_per_minute]
}
