resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:A message says which alarm went off, and nothing of any tenant

  name = var.name
}

# Each address has to confirm a message of AWS's before it is told anything.
resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = each.value
}
