data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_109:Allowed to the account itself, whose roles' own policies say who and what
  #checkov:skip=CKV_AWS_111:Allowed to the account itself, whose roles' own policies say who and what
  #checkov:skip=CKV_AWS_356:In a key's policy this is the key itself

  # Without this no policy of a role counts, and a mistake in the key's policy could be mended by AWS's support only.
  statement {
    sid       = "PoliciesOfThisAccountDecide"
    actions   = ["kms:*"]
    resources = ["*"] # In a key's policy this is the key itself.

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root"]
    }
  }
}
