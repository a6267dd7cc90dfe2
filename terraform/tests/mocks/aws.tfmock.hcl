# What AWS would make up. The provider looks whether a text is an ARN or a policy even where nothing is made.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_region" {
  defaults = { name = "ap-southeast-2" }
}

mock_data "aws_iam_policy_document" {
  defaults = { json = "{}" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}

mock_resource "aws_kms_key" {
  defaults = { key_id = "mocked-key", arn = "arn:aws:kms:ap-southeast-2:123456789012:key/mocked-key" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:ap-southeast-2:123456789012:log-group:mocked" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:ap-southeast-2:123456789012:mocked" }
}

mock_resource "aws_s3_bucket" {
  defaults = { id = "mocked-bucket", arn = "arn:aws:s3:::mocked-bucket" }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = { arn = "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:mocked" }
}

mock_resource "aws_dynamodb_table" {
  defaults = { arn = "arn:aws:dynamodb:ap-southeast-2:123456789012:table/mocked" }
}

mock_resource "aws_lambda_function" {
  defaults = { version = "7" }
}

mock_resource "aws_lambda_alias" {
  defaults = {
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:mocked:live"
    invoke_arn = "arn:aws:apigateway:ap-southeast-2:lambda:path/2015-03-31/functions/arn:aws:lambda:ap-southeast-2:123456789012:function:mocked:live/invocations"
  }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = {
    id            = "mocked-api"
    execution_arn = "arn:aws:execute-api:ap-southeast-2:123456789012:mocked-api"
    api_endpoint  = "https://mocked-api.execute-api.ap-southeast-2.amazonaws.com"
  }
}

mock_resource "aws_api_gateway_rest_api" {
  defaults = {
    id               = "mocked-api"
    root_resource_id = "root"
    execution_arn    = "arn:aws:execute-api:ap-southeast-2:123456789012:mocked-api"
  }
}

mock_resource "aws_acm_certificate" {
  defaults = {
    arn = "arn:aws:acm:ap-southeast-2:123456789012:certificate/made"
    domain_validation_options = [{
      domain_name           = "hooks.example.com"
      resource_record_name  = "_proof.hooks.example.com"
      resource_record_type  = "CNAME"
      resource_record_value = "_proof.acm-validations.aws"
    }]
  }
}

mock_resource "aws_scheduler_schedule" {
  defaults = { group_name = "default" }
}
