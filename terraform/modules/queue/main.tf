resource "aws_sqs_queue" "this" {
  name = var.name

  # AWS asks for six times: a batch that is throttled is retried within it, and must not come up twice meanwhile.
  visibility_timeout_seconds = 6 * var.consumer_timeout_seconds
  message_retention_seconds  = var.retention_days * 86400
  sqs_managed_sse_enabled    = true
}

# Kept longer than the queue's own messages, whose age goes on counting here.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 14 * 86400
  sqs_managed_sse_enabled   = true
}

# The provider waits 25 s for a new queue's attributes to settle. Two plain queues, joined afterwards, wait side by
# side, and all that needs only their URLs is made while the join waits.
resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.id

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = var.alarm_topic_arns == null ? 0 : 1

  alarm_name        = "${var.name}-dead-letters"
  alarm_description = "A message of ${var.name} could not be handled and lies in its dead-letter queue. See docs/runbooks/dead-letters.md."

  namespace   = "AWS/SQS"
  metric_name = "ApproximateNumberOfMessagesVisible"
  dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }

  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0

  # SQS reports nothing for a queue that has been empty for hours.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_topic_arns
  ok_actions         = var.alarm_topic_arns
}

resource "aws_cloudwatch_metric_alarm" "oldest_message" {
  count = var.alarm_topic_arns == null ? 0 : 1

  alarm_name        = "${var.name}-oldest-message"
  alarm_description = "A message has waited in ${var.name} for more than ${var.oldest_message_seconds} s: its function is not started, or fails. See docs/runbooks/README.md."

  namespace   = "AWS/SQS"
  metric_name = "ApproximateAgeOfOldestMessage"
  dimensions  = { QueueName = aws_sqs_queue.this.name }

  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.oldest_message_seconds

  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_topic_arns
  ok_actions         = var.alarm_topic_arns
}
