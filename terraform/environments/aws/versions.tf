terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Bucket, key and region come with `terraform init -backend-config=…`; see README.md.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
