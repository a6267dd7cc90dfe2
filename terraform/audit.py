"""Holds a plan of environments/aws against what we promise and checkov has no rule for: `audit.py PLAN.json`."""

import json
import sys

TAGS = {"project": "zixly", "environment": "production"}


def main(path):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    changes = plan["resource_changes"] + list(read_already(plan["prior_state"]["values"]["root_module"]))
    checks = [
        nothing_but_creation,
        everything_is_tagged,
        each_function_is_kept_apart_and_rolled_out,
        each_statement_names_actions_and_resources,
        nobody_from_outside_is_trusted,
        alarms_tell_somebody,
        nothing_that_is_deleted_is_gone_at_once,
        no_value_of_a_secret_is_known,
    ]
    failures = [f"{check.__name__}: {failure}" for check in checks for failure in check(changes)]
    # A check that looks at nothing must not pass.
    kinds = {change["type"] for change in changes}
    failures += [f"the plan has no {kind}" for kind in sorted(LOOKED_AT - kinds)]
    print("\n".join(failures) or f"{len(checks)} checks of {len(changes)} planned resources and documents passed, 0 failed")
    return 1 if failures else 0


# In a key's policy `*` is the key itself, and the account's root stands for the policies of its roles.
OF_THE_KEY = "PoliciesOfThisAccountDecide"

LOOKED_AT = {
    "aws_cloudwatch_metric_alarm", "aws_iam_policy_document", "aws_kms_key", "aws_lambda_alias", "aws_lambda_function",
    "aws_s3_bucket", "aws_secretsmanager_secret",
}


def read_already(module):
    """What Terraform could read while it planned, in the form of what it has yet to do."""
    for resource in module.get("resources", []):
        unknown = {"statement": [{}] * len(resource["values"].get("statement") or [])}
        change = {"actions": ["read"], "after": resource["values"], "after_unknown": unknown}
        yield {"address": resource["address"], "type": resource["type"], "change": change}
    for child in module.get("child_modules", []):
        yield from read_already(child)


def of_type(changes, kind):
    """Address, planned attributes and what is known only once it is made, of each resource of a type."""
    for change in changes:
        if change["type"] == kind:
            yield change["address"], change["change"]["after"], change["change"]["after_unknown"]


def is_given(after, unknown, name):
    """Whether an attribute has a value, be it one that is not known yet."""
    return bool(after.get(name)) or bool(unknown.get(name))


def nothing_but_creation(changes):
    for change in changes:
        if change["change"]["actions"] not in (["create"], ["read"]):
            yield f"{change['address']} is there already: the account is not empty"


def everything_is_tagged(changes):
    for change in changes:
        after = change["change"]["after"] or {}
        if "tags_all" in after and not TAGS.items() <= (after["tags_all"] or {}).items():
            yield f"{change['address']} has the tags {after['tags_all']}"


def each_function_is_kept_apart_and_rolled_out(changes):
    functions = list(of_type(changes, "aws_lambda_function"))
    for address, after, _ in functions:
        if after["architectures"] != ["arm64"]:
            yield f"{address} runs on {after['architectures']}"
        if after["reserved_concurrent_executions"] < 1:
            yield f"{address} has no environments of its own, or none at all"
        if not after["publish"]:
            yield f"{address} has no versions to go back to"
    aliases = [address for address, _, _ in of_type(changes, "aws_lambda_alias")]
    if len(aliases) != len(functions) or not all(".rolled_out[" in address for address in aliases):
        yield f"Terraform would move an alias at once: {aliases}"


def statements(changes):
    for address, after, unknown in of_type(changes, "aws_iam_policy_document"):
        for statement, unknown_of_it in zip(after["statement"], unknown["statement"]):
            yield f"{address} {statement['sid']}", statement, unknown_of_it


def each_statement_names_actions_and_resources(changes):
    for name, statement, unknown in statements(changes):
        if statement["effect"] == "Deny" or statement["sid"] == OF_THE_KEY:
            continue
        if statement.get("not_actions") or statement.get("not_resources") or statement.get("not_principals"):
            yield f"{name} allows all but something"
        for action in statement["actions"] or []:
            if "*" in action or "?" in action:
                yield f"{name} allows {action}"
        resources = statement.get("resources") or []
        if not resources and not unknown.get("resources") and not statement["principals"]:
            yield f"{name} is for no resource"
        # X-Ray knows no resources.
        if "*" in resources and not all(action.startswith("xray:Put") for action in statement["actions"]):
            yield f"{name} is for every resource"


def nobody_from_outside_is_trusted(changes):
    for name, statement, _ in statements(changes):
        if statement["effect"] == "Deny" or statement["sid"] == OF_THE_KEY:
            continue
        for principal in statement["principals"]:
            if principal["type"] != "Service":
                yield f"{name} trusts {principal}"
            # Lambda itself acts as a function's role, and for nobody else's account.
            elif principal["identifiers"] != ["lambda.amazonaws.com"] and "aws:SourceAccount" not in [
                condition["variable"] for condition in statement["condition"]
            ]:
                yield f"{name} trusts {principal['identifiers']} for every account"


def alarms_tell_somebody(changes):
    for address, after, unknown in of_type(changes, "aws_cloudwatch_metric_alarm"):
        if not is_given(after, unknown, "alarm_actions") or not is_given(after, unknown, "ok_actions"):
            yield f"{address} goes off, or ends, and nobody hears of it"


def nothing_that_is_deleted_is_gone_at_once(changes):
    for address, after, unknown in of_type(changes, "aws_secretsmanager_secret"):
        if after["recovery_window_in_days"] != 30:
            yield f"{address} can be had back for {after['recovery_window_in_days']} days"
        if not is_given(after, unknown, "kms_key_id"):
            yield f"{address} is not encrypted with our key"
    for address, after, _ in of_type(changes, "aws_kms_key"):
        if after["deletion_window_in_days"] != 30:
            yield f"{address} can be had back for {after['deletion_window_in_days']} days"
    for address, after, _ in of_type(changes, "aws_s3_bucket"):
        if after["force_destroy"]:
            yield f"{address} goes with all that is in it"


def no_value_of_a_secret_is_known(changes):
    for address, _, _ in of_type(changes, "aws_secretsmanager_secret_version"):
        yield f"{address} has its value in the state"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
