data "aws_region" "current" {}

resource "aws_iam_role" "this" {
  name               = var.name
  description        = "What ${var.name} may do, and nothing else"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "this" {
  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.permissions.json
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "LambdaMayRunAsThisRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "permissions" {
  # No logs:CreateLogGroup: the group is made here, with its retention.
  statement {
    sid       = "WriteItsOwnLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = var.permissions

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [statement.value.resource]

      # A key is used through the service that keeps what it encrypts, never by the function itself.
      dynamic "condition" {
        for_each = statement.value.via_service[*]

        content {
          test     = "StringEquals"
          variable = "kms:ViaService"
          values   = ["${condition.value}.${data.aws_region.current.name}.amazonaws.com"]
        }
      }
    }
  }

  # X-Ray knows no resources.
  dynamic "statement" {
    for_each = var.is_traced ? [true] : []

    content {
      sid       = "SendTraces"
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
      resources = ["*"]
    }
  }
}
