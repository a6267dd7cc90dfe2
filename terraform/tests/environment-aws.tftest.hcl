# What AWS makes up is unknown here, as in the plan for an empty account.
mock_provider "aws" {
  source = "./mocks"
}

variables {
  zip_folder = "zips"
}

run "the_example_is_read" {
  command = plan

  module {
    source = "./example"
  }

  # The next run names each value; one that is new here must be named there, too.
  assert {
    condition     = keys(output.values) == ["alarm_emails", "auth_issuer", "auth_key", "monthly_budget_usd", "region", "reserves_concurrency"]
    error_message = "The example sets other variables: ${join(", ", keys(output.values))}"
  }
}

run "the_example_plans_a_whole_production" {
  command = plan

  module {
    source = "../environments/aws"
  }

  variables {
    region               = run.the_example_is_read.values.region
    auth_issuer          = run.the_example_is_read.values.auth_issuer
    auth_key             = run.the_example_is_read.values.auth_key
    alarm_emails         = run.the_example_is_read.values.alarm_emails
    monthly_budget_usd   = run.the_example_is_read.values.monthly_budget_usd
    reserves_concurrency = run.the_example_is_read.values.reserves_concurrency
  }

  assert {
    condition     = length(module.alarm_topic) == 1 && length(module.budget) == 1
    error_message = "Nobody hears of alarms and of what it costs."
  }

  assert {
    condition     = output.rollout_application == "zixly-production-rollout" && length(output.functions) == 6
    error_message = "New versions are not rolled out step by step."
  }

  # AWS wants 100 of an account's 1,000 environments left for whatever has none of its own.
  assert {
    condition     = toset(keys(local.reserved_concurrency)) == toset(keys(output.functions)) && sum(values(local.reserved_concurrency)) <= 900
    error_message = "A function can take the account's environments from the others, or AWS refuses the reservations."
  }

  # Workers that the queue starts must not be refused: that would use up a message's receives.
  assert {
    condition     = local.reserved_concurrency.worker >= var.worker_maximum_concurrency
    error_message = "The queue starts more workers than there may be."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../environments/aws"
  }

  variables {
    region                     = "Sydney"
    environment                = "production-in-the-south"
    allowed_origins            = ["http://app.example.com"]
    auth_issuer                = "https://abcdefghijklmnop.supabase.co/auth/v1/"
    auth_key                   = "sb_secret_never_here"
    trading_api_url            = "http://trading.example.com"
    worker_maximum_concurrency = 1
    monthly_budget_usd         = 50 # And nobody to tell.
  }

  expect_failures = [
    var.region, var.environment, var.allowed_origins, var.auth_issuer, var.auth_key, var.trading_api_url,
    var.worker_maximum_concurrency, var.monthly_budget_usd,
  ]
}
