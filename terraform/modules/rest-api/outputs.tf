output "id" {
  description = "Id of the API."
  value       = aws_api_gateway_rest_api.this.id
}

output "stage" {
  description = "Name of its one stage."
  value       = local.stage
}

output "url" {
  description = "Where AWS serves the API, its stage included, without a slash at the end."
  value       = "https://${aws_api_gateway_rest_api.this.id}.execute-api.${data.aws_region.current.name}.amazonaws.com/${local.stage}"
}
