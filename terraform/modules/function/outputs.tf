output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "alias" {
  description = "Name of the alias of the version in use; whoever invokes the function names it."
  value       = local.the_alias.name
}

output "version" {
  description = "The newest version, in use or about to be."
  value       = aws_lambda_function.this.version
}

output "arn" {
  description = "ARN of the version in use, by its alias."
  value       = local.the_alias.arn
}

output "invoke_arn" {
  description = "ARN that an API Gateway integration calls the version in use by."
  value       = local.the_alias.invoke_arn
}
