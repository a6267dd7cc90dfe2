# The place only. A value given here would lie in plain text in Terraform's state and plans, so whoever runs the
# system puts it, and Terraform neither reads nor replaces it.
resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:The values are the providers' and the database's, which AWS cannot renew; docs/runbooks says how
  #checkov:skip=CKV_AWS_149:The key is made together with the secret, so a plan does not know its ARN yet

  name                    = var.name
  description             = var.description
  kms_key_id              = var.key_arn
  recovery_window_in_days = var.recovery_window_days
}
