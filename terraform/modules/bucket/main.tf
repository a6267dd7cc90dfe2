resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:Every request is a function's, which logs it, or goes by an address that one has signed
  #checkov:skip=CKV_AWS_144:What must not be lost is in the database; a second region would be a second place to keep what customers wrote
  #checkov:skip=CKV2_AWS_62:Nothing waits for an object: who writes one rings

  bucket        = var.name
  force_destroy = var.destroy_with_content
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = var.key_arn
    }

    # S3 asks KMS once in a while and not for each object, which would cost more than the object.
    bucket_key_enabled = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# The address itself is the permission; this only lets a page see what came of it.
resource "aws_s3_bucket_cors_configuration" "this" {
  count = length(var.page_origins) == 0 ? 0 : 1

  bucket = aws_s3_bucket.this.id

  cors_rule {
    allowed_methods = ["GET"]
    allowed_origins = var.page_origins
    max_age_seconds = 600
  }
}

# Only on request: the provider waits most of a minute for a lifecycle to settle.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.old_version_expiry_days == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    id     = "drop-what-nobody-reads-again"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_expiry_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.expiry_days_by_prefix

    content {
      id     = "expire-${trimsuffix(rule.key, "/")}"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  # Versions must exist before a rule about them.
  depends_on = [aws_s3_bucket_versioning.this]
}
