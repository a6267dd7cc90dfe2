#!/usr/bin/env bash
# Looks at everything here as an auditor would: `make audit` runs it, with a local AWS beside it.
# Plans environments/aws as example.tfvars says, for an account that has nothing yet, and holds the plan and the modules
# against checkov's rules and against our own. What is accepted stands with its reason where the resource is.
set -euo pipefail
cd "$(dirname "$0")"

checkov=$PWD/../.local/checkov/bin/checkov
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A copy, so that neither the place of the state nor anybody's settings get in.
mkdir -p "$work/environments/aws"
cp -r modules "$work"
cp environments/aws/*.tf environments/aws/example.tfvars "$work/environments/aws"
cat > "$work/environments/aws/override.tf" << 'HCL'
terraform {
  backend "local" {}
}

provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  s3_use_path_style           = true
}
HCL

export TF_IN_AUTOMATION=1 TF_INPUT=0 AWS_ENDPOINT_URL=${TEST_AWS_ENDPOINT_URL:?run me by make audit}
tf() { terraform -chdir="$work/environments/aws" "$@"; }
tf init -no-color > /dev/null
tf plan -no-color -var-file=example.tfvars -var="zip_folder=$PWD/tests/zips" -out="$work/plan" | grep '^Plan:'
tf show -json "$work/plan" > "$work/plan.json"

status=0
python3 audit.py "$work/plan.json" || status=1
scan() { "$checkov" --compact --quiet --skip-download "$@" || status=1; }
scan --file "$work/plan.json" --repo-root-for-plan-enrichment "$work"
scan --directory "$PWD/modules" --framework terraform
exit $status
