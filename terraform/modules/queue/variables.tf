variable "name" {
  description = "Name of the queue; its dead-letter queue adds `-dead-letters`."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,66}$", var.name))
    error_message = "The name must be 3 to 67 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "consumer_timeout_seconds" {
  description = "Timeout of the function that takes from the queue, in seconds; a taken message stays hidden six times as long."
  type        = number

  validation {
    condition     = var.consumer_timeout_seconds >= 1 && var.consumer_timeout_seconds <= 900
    error_message = "The consumer's timeout must be between 1 and 900 seconds."
  }
}

variable "retention_days" {
  description = "Days that an untaken message is kept; the dead-letter queue keeps it for 14."
  type        = number
  default     = 4

  validation {
    condition     = var.retention_days >= 1 && var.retention_days < 14
    error_message = "The retention must be at least 1 day and less than the 14 days of the dead-letter queue."
  }
}

# The worker itself moves a message that can never succeed, with the reason. This count is the backstop for what kills
# the worker before it can, so it leaves room for throttling, timeouts and a deployment or two.
variable "max_receive_count" {
  description = "Receives after which SQS moves a message to the dead-letter queue."
  type        = number
  default     = 10

  validation {
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 1000
    error_message = "The count must be between 5 (AWS's least for a queue that a function takes from) and 1000."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics told when an alarm of the queue goes off and when it is over; an empty list shows the alarms in the console only, null makes none."
  type        = list(string)
  default     = []
}

variable "oldest_message_seconds" {
  description = "Seconds that a message may wait to be handled, its delay included; when the oldest has waited longer for five minutes, the alarm goes off."
  type        = number

  validation {
    condition     = var.oldest_message_seconds >= 60
    error_message = "The seconds must be at least 60: SQS measures once a minute."
  }
}
