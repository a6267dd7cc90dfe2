resource "aws_iam_role" "this" {
  name               = var.name
  description        = "Moves the aliases of Zixly's functions, and nothing else"
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
  scope         = "${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}"
  function_arns = [for function in var.functions : "arn:${data.aws_partition.current.partition}:lambda:${local.scope}:function:${function.name}"]
  alias_arns    = [for function in var.functions : "arn:${data.aws_partition.current.partition}:lambda:${local.scope}:function:${function.name}:${function.alias}"]
}

data "aws_iam_policy_document" "assume" {
  statement {
    sid     = "DeploymentsOfThisAccountMayUseThisRole"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["codedeploy.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

data "aws_iam_policy_document" "permissions" {
  # Lambda names the function for some of these, and its alias for others.
  statement {
    sid       = "MoveTheAliases"
    actions   = ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"]
    resources = concat(local.function_arns, local.alias_arns)
  }

  statement {
    sid       = "LookAtTheAlarms"
    actions   = ["cloudwatch:DescribeAlarms"]
    resources = ["arn:${data.aws_partition.current.partition}:cloudwatch:${local.scope}:alarm:*"]
  }
}
