mock_provider "aws" {
  source = "./mocks"
}

variables {
  name                    = "zixly-test-payloads-123456789012"
  key_arn                 = "arn:aws:kms:ap-southeast-2:123456789012:key/test"
  destroy_with_content    = false
  old_version_expiry_days = 30
  expiry_days_by_prefix   = { "carried/" = 14 }
  page_origins            = ["https://app.example.com"]
}

run "a_bucket_is_private_encrypted_versioned_and_kept" {
  module {
    source = "../modules/bucket"
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket could be opened to everybody."
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_server_side_encryption_configuration.this.rule : [
      rule.apply_server_side_encryption_by_default[0].sse_algorithm, rule.apply_server_side_encryption_by_default[0].kms_master_key_id, rule.bucket_key_enabled,
    ]]) == jsonencode([["aws:kms", var.key_arn, true]])
    error_message = "Objects are not encrypted with the key that was given."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "A replaced object is gone."
  }

  assert {
    condition = jsonencode([for statement in data.aws_iam_policy_document.this.statement : {
      sid        = statement.sid
      effect     = statement.effect
      actions    = statement.actions
      resources  = statement.resources
      principals = statement.principals
      conditions = statement.condition
      }]) == jsonencode([{
      sid        = "RefuseWhateverIsNotEncryptedOnItsWay"
      effect     = "Deny"
      actions    = ["s3:*"]
      resources  = ["arn:aws:s3:::mocked-bucket", "arn:aws:s3:::mocked-bucket/*"]
      principals = [{ identifiers = ["*"], type = "*" }]
      conditions = [{ test = "Bool", values = ["false"], variable = "aws:SecureTransport" }]
    }])
    error_message = "The bucket's policy is another: ${jsonencode(data.aws_iam_policy_document.this.statement)}"
  }

  assert {
    condition     = aws_s3_bucket_policy.this.policy == data.aws_iam_policy_document.this.json
    error_message = "The bucket does not have its policy."
  }

  assert {
    condition = toset([
      aws_s3_bucket_policy.this.bucket, aws_s3_bucket_versioning.this.bucket, aws_s3_bucket_public_access_block.this.bucket,
      aws_s3_bucket_server_side_encryption_configuration.this.bucket, aws_s3_bucket_lifecycle_configuration.this[0].bucket,
      aws_s3_bucket_cors_configuration.this[0].bucket,
    ]) == toset([output.name])
    error_message = "A setting is another bucket's."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy == false
    error_message = "A mistaken destroy takes the payloads with it."
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_lifecycle_configuration.this[0].rule : [
      rule.id, rule.status, try(rule.expiration[0].days, null),
      try(rule.noncurrent_version_expiration[0].noncurrent_days, null), try(rule.abort_incomplete_multipart_upload[0].days_after_initiation, null),
      ]]) == jsonencode([
      ["drop-what-nobody-reads-again", "Enabled", null, 30, 7],
      ["expire-carried", "Enabled", 14, null, null],
    ])
    error_message = "Objects go at other times: ${jsonencode(aws_s3_bucket_lifecycle_configuration.this[0].rule)}"
  }

  assert {
    condition     = aws_s3_bucket_lifecycle_configuration.this[0].rule[1].filter[0].prefix == "carried/"
    error_message = "Other objects expire than were named."
  }

  assert {
    condition = jsonencode([for rule in aws_s3_bucket_cors_configuration.this[0].cors_rule : [rule.allowed_methods, rule.allowed_origins, rule.allowed_headers]]) == jsonencode([
      [["GET"], ["https://app.example.com"], null],
    ])
    error_message = "A page may do more than fetch, or another page may."
  }
}

run "without_pages_and_expiry_nothing_is_opened_and_nothing_goes" {
  module {
    source = "../modules/bucket"
  }

  variables {
    destroy_with_content    = true
    old_version_expiry_days = null
    page_origins            = []
  }

  assert {
    condition     = length(aws_s3_bucket_cors_configuration.this) == 0 && length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "There is a rule that nobody asked for."
  }

  assert {
    condition     = aws_s3_bucket.this.force_destroy
    error_message = "An environment that may be thrown away stays."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/bucket"
  }

  variables {
    name                    = "Zixly_Payloads"
    old_version_expiry_days = 0
  }

  expect_failures = [var.name, var.old_version_expiry_days]
}
