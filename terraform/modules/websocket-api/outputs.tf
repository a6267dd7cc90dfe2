output "id" {
  description = "Id of the API."
  value       = one(aws_apigatewayv2_api.this[*].id)
}

output "stage" {
  description = "Name of its one stage."
  value       = local.stage
}

output "url" {
  description = "Where AWS lets sockets be opened, `wss://…`, without a slash at the end."
  value       = one([for api in aws_apigatewayv2_api.this : "${api.api_endpoint}/${local.stage}"])
}

output "management_url" {
  description = "Where AWS takes what is to be sent to a socket, without a slash at the end."
  value       = one([for api in aws_apigatewayv2_api.this : "${replace(api.api_endpoint, "wss://", "https://")}/${local.stage}"])
}

output "close_arn" {
  description = "ARN of closing any socket of this API, for a permission."
  value       = one([for api in aws_apigatewayv2_api.this : "${api.execution_arn}/${local.stage}/DELETE/@connections/*"])
}

output "post_arn" {
  description = "ARN of posting to any socket of this API, for a permission."
  value       = one([for api in aws_apigatewayv2_api.this : "${api.execution_arn}/${local.stage}/POST/@connections/*"])
}
