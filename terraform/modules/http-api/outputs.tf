output "id" {
  description = "Id of the API."
  value       = one(aws_apigatewayv2_api.this[*].id)
}

output "stage" {
  description = "Name of its one stage."
  value       = one(aws_apigatewayv2_stage.this[*].name)
}

output "url" {
  description = "Where AWS serves the API, without a slash at the end."
  value       = one(aws_apigatewayv2_api.this[*].api_endpoint)
}
