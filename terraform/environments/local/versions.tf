terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }

  # Its path comes with `terraform init -backend-config=path=…`: the state belongs to a running stack, not to the tree.
  backend "local" {}
}
