output "url" {
  description = "Where the API is then, without a slash at the end."
  value       = "https://${aws_apigatewayv2_domain_name.this.domain_name}"
}

output "target" {
  description = "What the domain's DNS must point at, by a CNAME, where there is no hosted zone."
  value       = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
}
