resource "aws_lambda_permission" "this" {
  for_each = local.functions

  statement_id  = "ThisApiMayInvokeTheFunction"
  action        = "lambda:InvokeFunction"
  function_name = each.value.name
  qualifier     = each.value.alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*/*"
}
