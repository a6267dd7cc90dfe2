resource "aws_apigatewayv2_domain_name" "this" {
  domain_name = var.name

  domain_name_configuration {
    certificate_arn = local.certificate_arn
    endpoint_type   = "REGIONAL"
    security_policy = "TLS_1_2"
  }
}

resource "aws_apigatewayv2_api_mapping" "this" {
  api_id      = var.api_id
  stage       = var.api_stage
  domain_name = aws_apigatewayv2_domain_name.this.id
}

# With the zone at hand, all is made here; without it, the owner points the name at `target` himself.
resource "aws_route53_record" "this" {
  for_each = var.hosted_zone_id == null ? [] : toset(["A", "AAAA"])

  zone_id = var.hosted_zone_id
  name    = var.name
  type    = each.value

  alias {
    name                   = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
    zone_id                = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].hosted_zone_id
    evaluate_target_health = false
  }
}

locals {
  makes_certificate = var.certificate_arn == null
  certificate_arn   = local.makes_certificate ? one(aws_acm_certificate_validation.this[*].certificate_arn) : var.certificate_arn
}

resource "aws_acm_certificate" "this" {
  count = local.makes_certificate ? 1 : 0

  domain_name       = var.name
  validation_method = "DNS"

  # The domain needs a certificate at every moment, so the next one is there before this one goes.
  lifecycle {
    create_before_destroy = true
  }
}

# ACM renews the certificate as long as this record is there. For one name there is one.
resource "aws_route53_record" "proof" {
  count = local.makes_certificate ? 1 : 0

  zone_id         = var.hosted_zone_id
  name            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_name
  type            = one(aws_acm_certificate.this[0].domain_validation_options).resource_record_type
  records         = [one(aws_acm_certificate.this[0].domain_validation_options).resource_record_value]
  ttl             = 300
  allow_overwrite = true # An earlier certificate of the name had the same.
}

resource "aws_acm_certificate_validation" "this" {
  count = local.makes_certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = aws_route53_record.proof[*].fqdn
}
