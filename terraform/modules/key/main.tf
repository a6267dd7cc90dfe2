# Our own key rather than AWS's: who may decrypt is then said in one place, each use is in CloudTrail, and disabling the
# key shuts everything that it encrypts.
resource "aws_kms_key" "this" {
  description             = var.description
  enable_key_rotation     = true # A new one each year; what the old ones encrypted stays readable.
  deletion_window_in_days = var.deletion_window_days
  policy                  = data.aws_iam_policy_document.this.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
