# The group comes first: a function that logs before its group exists makes one that keeps its lines for ever.
resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts with a key of its own, and no line holds a secret or what customers wrote
  #checkov:skip=CKV_AWS_338:The owner says how long; who did what is kept in the audit log of the database

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_116:A queue that a function takes from has its own, and what a schedule missed the next run does
  #checkov:skip=CKV_AWS_117:Providers and the database are on the internet; the way out of a VPC costs as much as all the rest, used or not
  #checkov:skip=CKV_AWS_173:Names and addresses; a secret is only ever named
  #checkov:skip=CKV_AWS_272:A release is signed where it is made, and whoever deploys could as well change who must have signed

  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn

  # A Rust binary brings its own runtime; the name inside the zip is fixed by Lambda.
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  filename         = var.zip_path
  source_code_hash = filebase64sha256(var.zip_path)

  memory_size = var.memory_mb
  timeout     = var.timeout_seconds

  # Every change is a version that stays as it is, so that the alias can go back to it.
  publish = true

  # Lambda's word for "no limit of its own" is -1; 0 would stop the function.
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)

  environment {
    variables = var.environment
  }

  # PassThrough takes part in a trace that somebody else has begun, and begins none.
  tracing_config {
    mode = var.is_traced ? "Active" : "PassThrough"
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "WARN"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  # Without its policy a function's first invocation fails, and that may be a queue message of minutes ago.
  depends_on = [aws_iam_role_policy.this]
}

# What everybody calls: the version behind it changes without their noticing.
resource "aws_lambda_alias" "this" {
  count = var.is_rolled_out ? 0 : 1

  name             = local.alias
  description      = "The version in use"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

# The same, but moved by a rollout: Terraform only makes the version that it moves to.
resource "aws_lambda_alias" "rolled_out" {
  count = var.is_rolled_out ? 1 : 0

  name             = local.alias
  description      = "The version in use; moved by CodeDeploy"
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version

  lifecycle {
    ignore_changes = [function_version, routing_config]
  }
}

locals {
  alias     = "live"
  the_alias = one(concat(aws_lambda_alias.this, aws_lambda_alias.rolled_out))
}
