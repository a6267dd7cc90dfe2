mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

variables {
  name                   = "zixly-test-sockets"
  partition_key          = "belongs_to"
  sort_key               = "item"
  expiry_attribute       = "expires_at"
  point_in_time_recovery = true
}

run "a_table_expires_its_items_and_can_be_put_back" {
  command = plan

  module {
    source = "../modules/table"
  }

  assert {
    condition     = aws_dynamodb_table.this.point_in_time_recovery[0].enabled
    error_message = "What was lost cannot be had back."
  }

  assert {
    condition     = aws_dynamodb_table.this.ttl[0].enabled && aws_dynamodb_table.this.ttl[0].attribute_name == "expires_at"
    error_message = "Items stay for ever."
  }

  assert {
    condition     = aws_dynamodb_table.this.billing_mode == "PAY_PER_REQUEST"
    error_message = "The table costs money while nobody uses it."
  }

  assert {
    condition = "${aws_dynamodb_table.this.hash_key} ${aws_dynamodb_table.this.range_key}" == "belongs_to item" && jsonencode([for attribute in aws_dynamodb_table.this.attribute : attribute]) == jsonencode([
      { name = "belongs_to", type = "S" }, { name = "item", type = "S" },
    ])
    error_message = "The keys are others."
  }
}

run "a_table_may_have_one_key" {
  command = plan

  module {
    source = "../modules/table"
  }

  variables {
    sort_key = null
  }

  assert {
    condition     = aws_dynamodb_table.this.range_key == null && jsonencode([for attribute in aws_dynamodb_table.this.attribute : attribute.name]) == jsonencode(["belongs_to"])
    error_message = "There is a second key."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/table"
  }

  variables {
    name = "Sockets"
  }

  expect_failures = [var.name]
}
