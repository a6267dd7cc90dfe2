# What is secret, and the key that it is encrypted with. Terraform makes the places; the operator puts the values.

module "secret" {
  source   = "../secret"
  for_each = local.secret_descriptions

  name                 = "zixly/${var.environment}/${each.key}"
  description          = "${each.value} of the ${each.key} function; put by the operator."
  key_arn              = module.key.arn
  recovery_window_days = var.disposable ? 0 : 30
}

module "key" {
  source = "../key"

  name                 = local.prefix
  description          = "Encrypts the secrets and the payloads of ${local.prefix}."
  deletion_window_days = var.disposable ? 7 : 30
}

locals {
  secret_descriptions = {
    webhook   = "Database address, token keys and webhook keys"
    worker    = "Database address and the providers' client secrets"
    scheduler = "Database address"
    dashboard = "Database address, token keys and ticket key"
    realtime  = "Key of the tickets that the dashboard function gives out"
    admin     = "Database address, token keys, the providers' client secrets and the key for invitations"
  }

  # Token sets come and go with connections, and the secrets of Asana's webhooks with those, so they are not made here;
  # the functions may use what starts like this.
  token_set_prefix   = "zixly/${var.environment}/token-sets/"
  hook_secret_prefix = "zixly/${var.environment}/asana-webhooks/"
  secret_arn_prefix = join(":", [
    "arn", data.aws_partition.current.partition, "secretsmanager", data.aws_region.current.name,
    data.aws_caller_identity.current.account_id, "secret", "",
  ])
  token_set_arns   = "${local.secret_arn_prefix}${local.token_set_prefix}*"
  hook_secret_arns = "${local.secret_arn_prefix}${local.hook_secret_prefix}*"

  # The key's part in each permission to read or keep a secret, or a payload.
  open_secrets  = { actions = ["kms:Decrypt"], resource = module.key.arn, via_service = "secretsmanager" }
  keep_secrets  = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resource = module.key.arn, via_service = "secretsmanager" }
  open_payloads = { actions = ["kms:Decrypt"], resource = module.key.arn, via_service = "s3" }
  keep_payloads = { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resource = module.key.arn, via_service = "s3" }
}
