output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "dead_letter_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.name
}

output "dead_letter_url" {
  description = "URL of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.url
}

output "dead_letter_arn" {
  description = "ARN of the dead-letter queue."
  value       = aws_sqs_queue.dead_letters.arn
}

output "alarm_arns" {
  description = "ARNs of its alarms."
  value       = concat(aws_cloudwatch_metric_alarm.dead_letters[*].arn, aws_cloudwatch_metric_alarm.oldest_message[*].arn)
}

output "dead_letter_alarm_name" {
  description = "Name of the alarm on its dead letters; null where there is none."
  value       = one(aws_cloudwatch_metric_alarm.dead_letters[*].alarm_name)
}
