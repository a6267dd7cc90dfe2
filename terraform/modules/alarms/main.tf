# A share, not a number: one failure in a quiet night is no outage, and three minutes of nothing but failures are one.
resource "aws_cloudwatch_metric_alarm" "function_errors" {
  for_each = var.function_names

  alarm_name        = "${each.value}-errors"
  alarm_description = "More than ${var.error_percent} % of the invocations of ${each.value} fail: it crashes, or takes longer than it may. Its log group is /aws/lambda/${each.value}."

  comparison_operator = "GreaterThanThreshold"
  threshold           = var.error_percent
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching" # Nobody has invoked it.
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns

  metric_query {
    id          = "percent"
    label       = "Failed invocations, percent"
    expression  = "100 * failed / invoked"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "Errors", invoked = "Invocations" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/Lambda"
        metric_name = metric_query.value
        dimensions  = { FunctionName = each.value }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "function_throttles" {
  for_each = var.function_names

  alarm_name        = "${each.value}-throttles"
  alarm_description = "Invocations of ${each.value} are refused: it has all the environments that it may have, or the account has no more."

  namespace   = "AWS/Lambda"
  metric_name = "Throttles"
  dimensions  = { FunctionName = each.value }

  statistic           = "Sum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns
}

# The functions answer for their own failures, so these are not among the failed invocations.
resource "aws_cloudwatch_metric_alarm" "api_errors" {
  for_each = var.apis

  alarm_name        = "${each.value.name}-errors"
  alarm_description = "More than ${var.error_percent} % of the requests to ${each.value.name} are answered with 5xx. Ask its /health (or /api/health) what is down."

  comparison_operator = "GreaterThanThreshold"
  threshold           = var.error_percent
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  treat_missing_data  = "notBreaching" # Nobody has called.
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns

  metric_query {
    id          = "percent"
    label       = "Requests answered with 5xx, percent"
    expression  = "100 * failed / requests"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { failed = "5xx", requests = "Count" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApiGateway"
        metric_name = metric_query.value
        dimensions  = { ApiId = each.value.id }
        stat        = "Sum"
        period      = 60
      }
    }
  }
}

# The one that tells whether jobs are on time, whatever the reason: the scheduler measures it each minute.
resource "aws_cloudwatch_metric_alarm" "lag" {
  alarm_name        = "${var.name}-lag"
  alarm_description = "A job should have gone on more than ${var.lag_seconds} s ago and no worker has taken it. See docs/runbooks/README.md."

  namespace   = var.metrics_namespace
  metric_name = "pipeline_job_lag_seconds"

  statistic           = "Maximum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.lag_seconds
  evaluation_periods  = 5
  treat_missing_data  = "ignore" # The alarm below says so.
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns
}

resource "aws_cloudwatch_metric_alarm" "no_data" {
  alarm_name        = "${var.name}-no-data"
  alarm_description = "For five minutes the scheduler has measured nothing: it is not started, cannot reach the database, or fails. Waiting jobs do not go on, and no other alarm may be trusted."

  namespace   = var.metrics_namespace
  metric_name = "pipeline_job_lag_seconds"

  statistic           = "SampleCount"
  period              = 60
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns
}

resource "aws_cloudwatch_metric_alarm" "failed_jobs" {
  alarm_name        = "${var.name}-failed-jobs"
  alarm_description = "More than ${var.failed_jobs_per_minute} jobs a minute fail. The dashboard's error groups say why."

  namespace   = var.metrics_namespace
  metric_name = "pipeline_jobs_processed_total"
  dimensions  = { status = "failed" }

  statistic           = "Sum"
  period              = 60
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.failed_jobs_per_minute
  evaluation_periods  = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.topic_arns
  ok_actions          = var.topic_arns
}
