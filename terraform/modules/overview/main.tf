resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({ widgets = concat(local.alarms, local.charts) })
}

locals {
  region = data.aws_region.current.name

  alarms = [{
    type       = "alarm"
    x          = 0
    y          = 0
    width      = 24
    height     = 3
    properties = { title = "Alarms", alarms = var.alarm_arns }
  }]

  # Each chart is a third of the width; what is listed here is laid out in this order.
  charts = [for index, chart in local.chart_list : {
    type   = "metric"
    x      = 8 * (index % 3)
    y      = 3 + 6 * floor(index / 3)
    width  = 8
    height = 6
    properties = {
      title   = chart.title
      region  = local.region
      period  = 60
      stat    = chart.stat
      metrics = chart.metrics
      yAxis   = { left = { min = 0 } }
    }
  }]

  chart_list = [
    {
      title   = "Jobs that ended, a minute"
      stat    = "Sum"
      metrics = [[{ expression = "SEARCH('{${var.metrics_namespace},job_type,status} MetricName=\"pipeline_jobs_processed_total\"', 'Sum', 60)" }]]
    },
    {
      title   = "Lag: how late the oldest due job is, seconds"
      stat    = "Maximum"
      metrics = [[var.metrics_namespace, "pipeline_job_lag_seconds"]]
    },
    {
      title   = "Duration of jobs, p95, seconds"
      stat    = "p95"
      metrics = [[{ expression = "SEARCH('{${var.metrics_namespace},job_type,status} MetricName=\"pipeline_job_duration_seconds\"', 'p95', 300)" }]]
    },
    {
      title   = "Requests"
      stat    = "Sum"
      metrics = [for api in var.apis : ["AWS/ApiGateway", "Count", "ApiId", api.id, { label = api.name }]]
    },
    {
      title   = "Requests answered with 5xx"
      stat    = "Sum"
      metrics = [for api in var.apis : ["AWS/ApiGateway", "5xx", "ApiId", api.id, { label = api.name }]]
    },
    {
      title   = "Latency, p95, milliseconds"
      stat    = "p95"
      metrics = [for api in var.apis : ["AWS/ApiGateway", "Latency", "ApiId", api.id, { label = api.name }]]
    },
    {
      title   = "Oldest message, seconds"
      stat    = "Maximum"
      metrics = [for name in var.queue_names : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name]]
    },
    {
      title   = "Messages that wait"
      stat    = "Maximum"
      metrics = [for name in concat(var.queue_names, var.dead_letter_queue_names) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
    },
    {
      title   = "Environments at once"
      stat    = "Maximum"
      metrics = [for name in var.function_names : ["AWS/Lambda", "ConcurrentExecutions", "FunctionName", name]]
    },
    {
      title   = "Duration of invocations, p95, milliseconds"
      stat    = "p95"
      metrics = [for name in var.function_names : ["AWS/Lambda", "Duration", "FunctionName", name]]
    },
    {
      title   = "Failed invocations"
      stat    = "Sum"
      metrics = [for name in var.function_names : ["AWS/Lambda", "Errors", "FunctionName", name]]
    },
    {
      title   = "Throttled invocations"
      stat    = "Sum"
      metrics = [for name in var.function_names : ["AWS/Lambda", "Throttles", "FunctionName", name]]
    },
  ]
}

data "aws_region" "current" {}
