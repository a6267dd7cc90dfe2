mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

override_resource {
  target          = aws_sqs_queue.this
  override_during = plan
  values          = { id = "https://sqs/jobs", url = "https://sqs/jobs", arn = "arn:aws:sqs:ap-southeast-2:123456789012:jobs" }
}

override_resource {
  target          = aws_sqs_queue.dead_letters
  override_during = plan
  values          = { id = "https://sqs/dead", url = "https://sqs/dead", arn = "arn:aws:sqs:ap-southeast-2:123456789012:dead" }
}

variables {
  name                     = "zixly-test-jobs"
  consumer_timeout_seconds = 30
  oldest_message_seconds   = 300
  alarm_topic_arns         = ["arn:aws:sns:ap-southeast-2:123456789012:alarms"]
}

run "no_message_is_lost_readable_or_taken_twice_at_a_time" {
  command = plan

  module {
    source = "../modules/queue"
  }

  assert {
    condition     = aws_sqs_queue.this.visibility_timeout_seconds == 180
    error_message = "A message comes up again while it is still worked on."
  }

  assert {
    condition     = aws_sqs_queue.this.sqs_managed_sse_enabled && aws_sqs_queue.dead_letters.sqs_managed_sse_enabled
    error_message = "Messages lie there unencrypted."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 4 * 86400 && aws_sqs_queue.dead_letters.message_retention_seconds == 14 * 86400
    error_message = "Messages are kept for another time, or dead ones go before somebody has looked."
  }

  # Fair queues are standard queues: one tenant's messages must not stop behind one that fails.
  assert {
    condition     = !coalesce(aws_sqs_queue.this.fifo_queue, false)
    error_message = "The queue is a FIFO queue."
  }

  assert {
    condition = (
      aws_sqs_queue_redrive_policy.this.queue_url == output.url &&
      aws_sqs_queue_redrive_policy.this.redrive_policy == jsonencode({ deadLetterTargetArn = output.dead_letter_arn, maxReceiveCount = 10 })
    )
    error_message = "What kills its function is never set aside."
  }

  assert {
    condition = (
      aws_sqs_queue_redrive_allow_policy.dead_letters.queue_url == output.dead_letter_url &&
      aws_sqs_queue_redrive_allow_policy.dead_letters.redrive_allow_policy == jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [output.arn] })
    )
    error_message = "Another queue may put its dead messages there."
  }

  assert {
    condition = jsonencode([for alarm in [aws_cloudwatch_metric_alarm.dead_letters[0], aws_cloudwatch_metric_alarm.oldest_message[0]] : [
      alarm.alarm_name, alarm.namespace, alarm.metric_name, alarm.dimensions, alarm.statistic, alarm.comparison_operator, alarm.threshold,
      alarm.period, alarm.evaluation_periods, alarm.treat_missing_data, alarm.alarm_actions, alarm.ok_actions,
      ]]) == jsonencode([
      ["zixly-test-jobs-dead-letters", "AWS/SQS", "ApproximateNumberOfMessagesVisible", { QueueName = "zixly-test-jobs-dead-letters" }, "Maximum", "GreaterThanThreshold", 0, 60, 1, "notBreaching", var.alarm_topic_arns, var.alarm_topic_arns],
      ["zixly-test-jobs-oldest-message", "AWS/SQS", "ApproximateAgeOfOldestMessage", { QueueName = "zixly-test-jobs" }, "Maximum", "GreaterThanThreshold", 300, 60, 5, "notBreaching", var.alarm_topic_arns, var.alarm_topic_arns],
    ])
    error_message = "An alarm of the queue is another."
  }

  assert {
    condition     = length(output.alarm_arns) == 2 && output.dead_letter_alarm_name == "zixly-test-jobs-dead-letters"
    error_message = "The alarms are not named to those who show them."
  }
}

run "null_makes_no_alarms" {
  command = plan

  module {
    source = "../modules/queue"
  }

  variables {
    alarm_topic_arns = null
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.dead_letters) + length(aws_cloudwatch_metric_alarm.oldest_message) + length(output.alarm_arns) == 0 && output.dead_letter_alarm_name == null
    error_message = "There is an alarm."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/queue"
  }

  variables {
    name                     = "jobs.fifo"
    consumer_timeout_seconds = 901
    retention_days           = 14 # As long as the dead letters'.
    max_receive_count        = 4
    oldest_message_seconds   = 59
  }

  expect_failures = [var.name, var.consumer_timeout_seconds, var.retention_days, var.max_receive_count, var.oldest_message_seconds]
}
