resource "aws_iam_role" "this" {
  name               = "${var.name}-schedule"
  description        = "Starts ${var.function_name}, and nothing else"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "this" {
  name   = "permissions"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.permissions.json
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  # Written out, since the schedule itself needs the role.
  schedule_arn = join(":", [
    "arn", data.aws_partition.current.partition, "scheduler", data.aws_region.current.name,
    data.aws_caller_identity.current.account_id, "schedule/default/${var.name}",
  ])
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "ThisScheduleMayUseThisRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.schedule_arn]
    }
  }
}

data "aws_iam_policy_document" "permissions" {
  statement {
    sid       = "StartTheFunction"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.function_arn]
  }
}
