#!/usr/bin/env bash
# Brings an AWS account to what this folder says: `make deploy` and `make plan` run it.
# The first time it finds an empty account and makes the bucket that Terraform keeps its state in; later only what has
# changed is touched. New versions of the functions are put in use step by step, and taken back when an alarm goes off.
#
#   terraform/deploy.sh plan    shows what would change
#   terraform/deploy.sh apply   migrates the database, asks, changes, and rolls out
#
#   NAME           name of the environment; its settings are in terraform/environments/aws/NAME.tfvars (production)
#   DATABASE_URL   address of the database with its owner's name and password, for the migrations
#   YES=1          asks nothing, for CI
#   ZIP_FOLDER     zips that are built already; without it they are built here
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:?give plan or apply}
name=${NAME:-production}
environment=terraform/environments/aws
settings=$PWD/$environment/$name.tfvars
export TF_IN_AUTOMATION=1 TF_INPUT=0 AWS_PAGER=""

main() {
    check_requirements
    account=$(aws sts get-caller-identity --query Account --output text)
    region=$(setting region ap-southeast-2)
    export AWS_REGION=$region
    say "Account $account, region $region, environment $name"

    if [ "$what" = apply ] && [ -z "${ZIP_FOLDER:-}" ]; then build; fi
    zips=$(cd "${ZIP_FOLDER:-target/lambda}" && pwd) || fail "there are no zips: run \`make build\`"
    if [ "$what" = apply ]; then migrate; fi
    make_state_bucket
    run_terraform
    if [ "$what" = apply ]; then
        roll_out
        tell_what_is_left
    fi
}

say() { printf '\n— %s\n' "$*" >&2; }

fail() {
    printf 'deploy: %s\n' "$*" >&2
    exit 1
}

check_requirements() {
    case $what in plan | apply) ;; *) fail "there is no '$what': give plan or apply" ;; esac
    for program in aws terraform python3; do
        command -v "$program" >/dev/null || fail "$program is not installed; see docs/runbooks/first-deployment.md"
    done
    [ -f "$settings" ] || fail "there is no $settings: copy $environment/example.tfvars there and change it"
    aws sts get-caller-identity >/dev/null ||
        fail "AWS does not know you: set AWS_PROFILE, or sign in with \`aws sso login\`"
    if [ "$what" = apply ] && [ -z "${DATABASE_URL:-}" ]; then
        fail "DATABASE_URL is not set: migrations need the database's address with its owner's name and password"
    fi
}

# A text of the settings, as Terraform would read it; $2 where it is not set.
setting() {
    found=$(sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$settings")
    echo "${found:-$2}"
}

build() {
    say "Building the functions"
    make build
}

# Before the new code: a migration widens first, so the code that is still running keeps working.
migrate() {
    say "Migrating the database"
    cargo run --quiet --package zixly-store --bin migrate
}

make_state_bucket() {
    bucket=zixly-terraform-$account-$region
    if aws s3api head-bucket --bucket "$bucket" 2>/dev/null; then return; fi
    [ "$what" = apply ] || fail "there is no bucket $bucket for Terraform's state: nothing has been deployed here yet"
    say "Making the bucket $bucket for Terraform's state"
    where=()
    # The oldest region is the one that has no name here.
    [ "$region" = us-east-1 ] || where=(--create-bucket-configuration "LocationConstraint=$region")
    aws s3api create-bucket --bucket "$bucket" "${where[@]}" >/dev/null
    aws s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration \
        BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true
    aws s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled
    aws s3api put-bucket-encryption --bucket "$bucket" --server-side-encryption-configuration \
        '{"Rules":[{"ApplyServerSideEncryptionByDefault":{"SSEAlgorithm":"aws:kms"},"BucketKeyEnabled":true}]}'
    aws s3api put-bucket-policy --bucket "$bucket" --policy "{\"Version\":\"2012-10-17\",\"Statement\":[{
        \"Sid\":\"RefuseWhateverIsNotEncryptedOnItsWay\",\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"s3:*\",
        \"Resource\":[\"arn:aws:s3:::$bucket\",\"arn:aws:s3:::$bucket/*\"],
        \"Condition\":{\"Bool\":{\"aws:SecureTransport\":\"false\"}}}]}"
}

run_terraform() {
    say "Terraform"
    tf init -reconfigure -backend-config="bucket=$bucket" -backend-config="region=$region" \
        -backend-config="key=zixly/$name.tfstate" >/dev/null
    plan=$(mktemp)
    trap 'rm -f "$plan"' EXIT
    tf plan -out="$plan" -var-file="$settings" -var="environment=$name" -var="zip_folder=$zips"
    [ "$what" = apply ] || return 0
    if [ "${YES:-}" != 1 ]; then
        read -r -p "Make these changes? Only 'yes' does. " answer
        [ "$answer" = yes ] || fail "nothing was changed but the database's schema"
    fi
    tf apply "$plan"
}

tf() { terraform -chdir="$environment" "$@"; }

# One line a function: key, name, alias, newest version.
functions() {
    tf output -json functions | python3 -c '
import json, sys
for key, function in json.load(sys.stdin).items():
    print(key, function["name"], function["alias"], function["version"])'
}

# All functions side by side; each is watched by its own alarms.
roll_out() {
    # Terraform forgets an output that is null.
    application=$(tf output -json | python3 -c '
import json, sys
print(json.load(sys.stdin).get("rollout_application", {}).get("value") or "")')
    [ -n "$application" ] || return 0
    deployments=()
    while read -r key function alias newest; do
        in_use=$(aws lambda get-alias --function-name "$function" --name "$alias" --query FunctionVersion --output text)
        [ "$in_use" != "$newest" ] || continue
        say "Rolling out $key, version $in_use to $newest"
        deployments+=("$(start_rollout "$function" "$alias" "$in_use" "$newest")")
    done < <(functions)
    [ ${#deployments[@]} -gt 0 ] || return 0

    failed=0
    for deployment in "${deployments[@]}"; do
        if ! aws deploy wait deployment-successful --deployment-id "$deployment"; then
            failed=1
            aws deploy get-deployment --deployment-id "$deployment" \
                --query 'deploymentInfo.[deploymentGroupName,status,errorInformation.message]' --output text >&2
        fi
    done
    [ "$failed" = 0 ] || fail "a new version was not put in use, and the old one goes on; its alarms and its log say why"
}

start_rollout() {
    content=$(python3 -c '
import json, sys
name, alias, current, target = sys.argv[1:]
function = {"Type": "AWS::Lambda::Function", "Properties": {
    "Name": name, "Alias": alias, "CurrentVersion": current, "TargetVersion": target}}
spec = json.dumps({"version": 0.0, "Resources": [{"function": function}]})
print(json.dumps({"revisionType": "AppSpecContent", "appSpecContent": {"content": spec}}))' "$@")
    aws deploy create-deployment --application-name "$application" --deployment-group-name "$1" \
        --revision "$content" --query deploymentId --output text
}

tell_what_is_left() {
    empty=()
    for secret in $(tf output -json secret_names | python3 -c 'import json, sys; print(*json.load(sys.stdin).values())'); do
        versions=$(aws secretsmanager describe-secret --secret-id "$secret" --query 'VersionIdsToStages' --output text)
        if [ -z "$versions" ] || [ "$versions" = None ]; then empty+=("$secret"); fi
    done
    if [ ${#empty[@]} -gt 0 ]; then
        say "These secrets have no value yet; docs/runbooks/first-deployment.md says what each holds:"
        printf '  %s\n' "${empty[@]}"
        return
    fi
    url=$(tf output -raw webhook_url)
    say "Health: $url/health"
    curl --silent --show-error --fail-with-body --retry 5 --retry-all-errors "$url/health" ||
        fail "the functions are deployed, but not well: what $url/health answers says what is down"
    echo
    say "The dashboard is at $(tf output -raw app_url)"
}

main
