mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name                 = "zixly-test"
  description          = "Encrypts what a test makes."
  deletion_window_days = 30
}

run "a_key_is_rotated_and_its_use_is_the_affair_of_this_account" {
  command = plan

  module {
    source = "../modules/key"
  }

  assert {
    condition     = aws_kms_key.this.enable_key_rotation
    error_message = "The key is never rotated."
  }

  assert {
    condition     = aws_kms_key.this.deletion_window_in_days == 30
    error_message = "The key goes at another time than was said."
  }

  assert {
    condition = jsonencode(data.aws_iam_policy_document.this.statement[*].principals) == jsonencode([[
      { identifiers = ["arn:aws:iam::123456789012:root"], type = "AWS" },
    ]])
    error_message = "Somebody outside of the account may use the key."
  }

  assert {
    condition     = aws_kms_key.this.policy == data.aws_iam_policy_document.this.json
    error_message = "The key does not have its policy."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/zixly-test" && aws_kms_alias.this.target_key_id == aws_kms_key.this.key_id
    error_message = "The name leads to another key."
  }

  assert {
    condition     = output.arn == aws_kms_key.this.arn
    error_message = "Another key's ARN is given."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/key"
  }

  variables {
    name                 = "Zixly"
    deletion_window_days = 6 # At once, nearly.
  }

  expect_failures = [var.name, var.deletion_window_days]
}
