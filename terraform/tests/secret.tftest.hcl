mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name                 = "zixly/test/webhook"
  description          = "What the test's function reads; put by the operator."
  key_arn              = "arn:aws:kms:ap-southeast-2:123456789012:key/test"
  recovery_window_days = 30
}

run "a_secret_is_encrypted_with_the_given_key_and_can_be_had_back" {
  command = plan

  module {
    source = "../modules/secret"
  }

  assert {
    condition     = aws_secretsmanager_secret.this.kms_key_id == var.key_arn
    error_message = "The value is encrypted with another key."
  }

  assert {
    condition     = aws_secretsmanager_secret.this.recovery_window_in_days == 30
    error_message = "A deleted secret is gone."
  }

  assert {
    condition     = output.name == "zixly/test/webhook" && output.arn == aws_secretsmanager_secret.this.arn
    error_message = "Another secret is given."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/secret"
  }

  variables {
    name                 = "zixly/test/web-hook12" # Secrets Manager would take the end for its own.
    recovery_window_days = 3
  }

  expect_failures = [var.name, var.recovery_window_days]
}
