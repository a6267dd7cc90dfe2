output "id" {
  description = "Id of the API."
  value       = one(aws_api_gateway_rest_api.this[*].id)
}

output "stage" {
  description = "Name of its one stage."
  value       = var.is_made ? local.stage : null
}

output "url" {
  description = "Where AWS serves the API, its stage included, without a slash at the end."
  value       = one([for api in aws_api_gateway_rest_api.this : "https://${api.id}.execute-api.${data.aws_region.current.name}.amazonaws.com/${local.stage}"])
}
