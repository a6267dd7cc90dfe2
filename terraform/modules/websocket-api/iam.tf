resource "aws_lambda_permission" "this" {
  count = var.is_made ? 1 : 0

  statement_id  = "ThisApiMayInvokeTheFunction"
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  qualifier     = var.function_alias
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this[0].execution_arn}/*/*"
}
