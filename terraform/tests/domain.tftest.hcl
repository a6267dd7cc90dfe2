mock_provider "aws" {
  source = "./mocks"
}

variables {
  name           = "hooks.example.com"
  api_id         = "api-1"
  api_stage      = "$default"
  hosted_zone_id = "Z0123456789"
}

run "in_a_zone_the_certificate_its_proof_and_the_names_are_made" {
  module {
    source = "../modules/domain"
  }

  assert {
    condition     = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].security_policy == "TLS_1_2"
    error_message = "Old TLS is spoken."
  }

  assert {
    condition = (
      aws_acm_certificate.this[0].domain_name == "hooks.example.com" && aws_acm_certificate.this[0].validation_method == "DNS" &&
      aws_acm_certificate_validation.this[0].certificate_arn == aws_acm_certificate.this[0].arn &&
      aws_apigatewayv2_domain_name.this.domain_name_configuration[0].certificate_arn == aws_acm_certificate_validation.this[0].certificate_arn
    )
    error_message = "The domain has another certificate, or does not wait until it is proven."
  }

  assert {
    condition = "${aws_route53_record.proof[0].zone_id} ${aws_route53_record.proof[0].name} ${aws_route53_record.proof[0].type} ${one(aws_route53_record.proof[0].records)}" == (
      "Z0123456789 _proof.hooks.example.com CNAME _proof.acm-validations.aws"
    )
    error_message = "The certificate is not proven in the zone."
  }

  assert {
    condition = jsonencode([for record in aws_route53_record.this : [record.zone_id, record.name, record.type, record.alias[0].name]]) == jsonencode([
      for type in ["A", "AAAA"] : ["Z0123456789", "hooks.example.com", type, output.target]
    ])
    error_message = "The name does not lead to the API, over IPv4 and IPv6."
  }

  assert {
    condition     = "${aws_apigatewayv2_api_mapping.this.api_id} ${aws_apigatewayv2_api_mapping.this.stage}" == "api-1 $default" && output.url == "https://hooks.example.com"
    error_message = "The domain is another API's."
  }
}

run "with_a_certificate_and_no_zone_the_owner_points_the_name_himself" {
  module {
    source = "../modules/domain"
  }

  variables {
    hosted_zone_id  = null
    certificate_arn = "arn:aws:acm:ap-southeast-2:123456789012:certificate/given"
  }

  assert {
    condition     = aws_apigatewayv2_domain_name.this.domain_name_configuration[0].certificate_arn == var.certificate_arn
    error_message = "The domain has another certificate."
  }

  assert {
    condition     = length(aws_acm_certificate.this) + length(aws_route53_record.this) + length(aws_route53_record.proof) == 0
    error_message = "Something is made that needs a zone."
  }

  assert {
    condition     = output.target == aws_apigatewayv2_domain_name.this.domain_name_configuration[0].target_domain_name
    error_message = "The owner is told to point the name elsewhere."
  }
}

run "bad_values_and_neither_zone_nor_certificate_are_refused" {
  command = plan

  module {
    source = "../modules/domain"
  }

  variables {
    name           = "https://hooks.example.com"
    hosted_zone_id = null
  }

  expect_failures = [var.name, var.certificate_arn]
}
