output "arn" {
  description = "ARN of the topic."
  value       = aws_sns_topic.this.arn

  # An alarm that goes off before its policy is there is told to nobody.
  depends_on = [aws_sns_topic_policy.this]
}
