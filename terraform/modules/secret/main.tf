# The place only. A value given here would lie in plain text in Terraform's state and plans, so whoever runs the
# system puts it, and Terraform neither reads nor replaces it.
resource "aws_secretsmanager_secret" "this" {
  name                    = var.name
  description             = var.description
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_window_days
}
