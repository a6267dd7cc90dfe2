output "function_alarm_names" {
  description = "By function name, the alarms that speak of the function alone."
  value       = { for name in var.function_names : name => [aws_cloudwatch_metric_alarm.function_errors[name].alarm_name] }
}

output "api_alarm_names" {
  description = "By the same keys as `apis`, the alarms that speak of the API."
  value       = { for key in keys(var.apis) : key => [aws_cloudwatch_metric_alarm.api_errors[key].alarm_name] }
}

output "arns" {
  description = "ARNs of all alarms."
  value = concat(
    [for alarm in aws_cloudwatch_metric_alarm.function_errors : alarm.arn],
    [for alarm in aws_cloudwatch_metric_alarm.function_throttles : alarm.arn],
    [for alarm in aws_cloudwatch_metric_alarm.api_errors : alarm.arn],
    [
      aws_cloudwatch_metric_alarm.lag.arn,
      aws_cloudwatch_metric_alarm.no_data.arn,
      aws_cloudwatch_metric_alarm.failed_jobs.arn,
    ],
  )
}
