resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:A schedule holds a time and a name

  name                = var.name
  description         = var.description
  schedule_expression = var.schedule_expression

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function_arn
    role_arn = aws_iam_role.this.arn

    # What was missed is done by the next run, so a late one is of no use.
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 0
    }
  }

  # Without its policy the schedule's first run fails.
  depends_on = [aws_iam_role_policy.this]
}

# A schedule only puts the event into the function's own line, in which Lambda would try again for six hours.
resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function_name
  qualifier                    = var.function_alias
  maximum_event_age_in_seconds = 60
  maximum_retry_attempts       = 0
}
