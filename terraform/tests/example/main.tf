# Reads the example that the owner of an account copies, so that a test goes by the very same values.
terraform {
  required_providers {
    terraform = {
      source = "terraform.io/builtin/terraform"
    }
  }
}

output "values" {
  description = "What environments/aws/example.tfvars sets, by variable."
  value       = provider::terraform::decode_tfvars(file("${path.module}/../../environments/aws/example.tfvars"))
}
