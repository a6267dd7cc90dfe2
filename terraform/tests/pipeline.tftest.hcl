mock_provider "aws" {
  source          = "./mocks"
  override_during = plan
}

# Each function as the others see it, so that a call of the wrong one shows; what is inside has a test of its own.
override_module {
  target          = module.webhook
  override_during = plan
  outputs = {
    name       = "zixly-test-webhook"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-webhook:live"
    invoke_arn = "arn:…:function:zixly-test-webhook:live/invocations"
  }
}

override_module {
  target          = module.worker
  override_during = plan
  outputs = {
    name       = "zixly-test-worker"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-worker:live"
    invoke_arn = "arn:…:function:zixly-test-worker:live/invocations"
  }
}

override_module {
  target          = module.scheduler
  override_during = plan
  outputs = {
    name       = "zixly-test-scheduler"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-scheduler:live"
    invoke_arn = "arn:…:function:zixly-test-scheduler:live/invocations"
  }
}

override_module {
  target          = module.dashboard
  override_during = plan
  outputs = {
    name       = "zixly-test-dashboard"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-dashboard:live"
    invoke_arn = "arn:…:function:zixly-test-dashboard:live/invocations"
  }
}

override_module {
  target          = module.realtime
  override_during = plan
  outputs = {
    name       = "zixly-test-realtime"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-realtime:live"
    invoke_arn = "arn:…:function:zixly-test-realtime:live/invocations"
  }
}

override_module {
  target          = module.admin
  override_during = plan
  outputs = {
    name       = "zixly-test-admin"
    alias      = "live"
    version    = "7"
    arn        = "arn:aws:lambda:ap-southeast-2:123456789012:function:zixly-test-admin:live"
    invoke_arn = "arn:…:function:zixly-test-admin:live/invocations"
  }
}

override_resource {
  target          = module.job_queue.aws_sqs_queue.this
  override_during = plan
  values          = { arn = "arn:aws:sqs:ap-southeast-2:123456789012:jobs", url = "https://sqs/jobs" }
}

override_resource {
  target          = module.job_event_queue.aws_sqs_queue.this
  override_during = plan
  values          = { arn = "arn:aws:sqs:ap-southeast-2:123456789012:job-events", url = "https://sqs/job-events" }
}

override_resource {
  target          = module.job_queue.aws_sqs_queue.dead_letters
  override_during = plan
  values          = { arn = "arn:aws:sqs:ap-southeast-2:123456789012:dead", url = "https://sqs/dead" }
}

variables {
  environment                = "test"
  architecture               = "arm64"
  zip_folder                 = "zips"
  worker_maximum_concurrency = 10
  log_retention_days         = 30
}

run "queues_start_their_functions_and_addresses_are_awss_own" {
  command = plan

  module {
    source = "../modules/pipeline"
  }

  variables {
    disposable       = true
    alarm_topic_arns = null
  }

  assert {
    condition = jsonencode([for mapping in [aws_lambda_event_source_mapping.worker, aws_lambda_event_source_mapping.realtime[0]] : [
      mapping.event_source_arn, mapping.function_name, mapping.batch_size, mapping.function_response_types, mapping.scaling_config[0].maximum_concurrency,
      ]]) == jsonencode([
      ["arn:aws:sqs:ap-southeast-2:123456789012:jobs", module.worker.arn, 1, ["ReportBatchItemFailures"], 10],
      ["arn:aws:sqs:ap-southeast-2:123456789012:job-events", module.realtime[0].arn, 10, ["ReportBatchItemFailures"], 5],
    ])
    error_message = "A queue starts another function, not its alias, more of it at once, or a failed message takes others along."
  }

  assert {
    condition     = length(module.alarms) + length(module.overview) + length(module.rollout) + length(module.webhook_domain) + length(module.app_domain) == 0 && output.rollout_application == null
    error_message = "There are alarms, rollouts or domains that nobody asked for."
  }

  assert {
    condition     = output.public_base_url == module.http_api.url && output.app_url == module.dashboard_api.url && output.websocket_url == module.websocket_api.url
    error_message = "The functions believe to be elsewhere."
  }

  assert {
    condition     = output.job_queue_url == "https://sqs/jobs" && output.dead_letter_queue_url == "https://sqs/dead"
    error_message = "An output names another queue."
  }

  assert {
    condition     = output.secret_names == { for function in ["admin", "dashboard", "realtime", "scheduler", "webhook", "worker"] : function => "zixly/test/${function}" }
    error_message = "A function has no secret of its own."
  }

  assert {
    condition     = output.functions == { for function in ["admin", "dashboard", "realtime", "scheduler", "webhook", "worker"] : function => { name = "zixly-test-${function}", alias = "live", version = "7" } }
    error_message = "A function would not be rolled out."
  }

  # What ends here is a prefix, and must let nobody read another environment's.
  assert {
    condition = [local.token_set_arns, local.hook_secret_arns] == [
      "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:zixly/test/token-sets/*",
      "arn:aws:secretsmanager:ap-southeast-2:123456789012:secret:zixly/test/asana-webhooks/*",
    ]
    error_message = "A function may read other secrets than token sets and those of Asana's webhooks."
  }

  assert {
    condition = jsonencode([local.open_secrets, local.keep_secrets, local.open_payloads, local.keep_payloads]) == jsonencode([
      { actions = ["kms:Decrypt"], resource = module.key.arn, via_service = "secretsmanager" },
      { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resource = module.key.arn, via_service = "secretsmanager" },
      { actions = ["kms:Decrypt"], resource = module.key.arn, via_service = "s3" },
      { actions = ["kms:Decrypt", "kms:GenerateDataKey"], resource = module.key.arn, via_service = "s3" },
    ])
    error_message = "A function may use the key for something else."
  }
}

run "where_there_are_no_http_apis_there_is_a_rest_api_and_no_websocket" {
  command = plan

  module {
    source = "../modules/pipeline"
  }

  variables {
    api_kind         = "rest"
    alarm_topic_arns = null
  }

  assert {
    condition = (
      module.http_api.id == null && module.dashboard_api.id == null && module.websocket_api.id == null &&
      module.rest_api.stage == "live" && module.dashboard_rest_api.stage == "live" && output.websocket_url == null
    )
    error_message = "There are APIs that LocalStack has not, or none."
  }

  assert {
    condition     = length(module.realtime) + length(aws_lambda_event_source_mapping.realtime) == 0 && !contains(keys(output.functions), "realtime")
    error_message = "There is a function for pages that cannot open a WebSocket."
  }
}

run "in_production_alarms_take_a_rollout_back_and_domains_are_the_addresses" {
  command = plan

  module {
    source = "../modules/pipeline"
  }

  variables {
    alarm_topic_arns = ["arn:aws:sns:ap-southeast-2:123456789012:alarms"]
    rollout_config   = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    webhook_domain   = { name = "hooks.example.com", hosted_zone_id = "Z0123456789" }
    app_domain       = { name = "app.example.com", certificate_arn = "arn:aws:acm:ap-southeast-2:123456789012:certificate/given" }
  }

  assert {
    condition     = output.rollout_application == "zixly-test-rollout" && length(module.overview) == 1
    error_message = "Versions are not rolled out, or nobody sees how it goes."
  }

  assert {
    condition = jsonencode(local.rollback_alarms) == jsonencode({
      webhook   = ["zixly-test-http-api-errors"]
      worker    = ["zixly-test-jobs-dead-letters"]
      scheduler = []
      dashboard = ["zixly-test-dashboard-api-errors"]
      realtime  = ["zixly-test-job-events-dead-letters"]
      admin     = ["zixly-test-dashboard-api-errors"]
    })
    error_message = "A version that answers with errors stays in use: ${jsonencode(local.rollback_alarms)}"
  }

  assert {
    condition     = keys(module.alarms[0].function_alarm_names) == [for function in ["admin", "dashboard", "realtime", "scheduler", "webhook", "worker"] : "zixly-test-${function}"]
    error_message = "A function is not watched."
  }

  assert {
    condition     = output.public_base_url == "https://hooks.example.com" && output.app_url == "https://app.example.com"
    error_message = "The functions believe to be elsewhere, and signatures over addresses fail."
  }

  assert {
    condition     = keys(output.domain_targets) == ["https://app.example.com", "https://hooks.example.com"]
    error_message = "The owner is not told where to point a name."
  }
}

run "bad_values_are_refused" {
  command = plan

  module {
    source = "../modules/pipeline"
  }

  variables {
    environment                = "Test"
    public_base_url            = "http://hooks.example.com"
    app_url                    = "https://app.example.com/"
    allowed_origins            = ["*"]
    delivery_retention_days    = 14
    provider_endpoints         = { xero_api_url = "api.xero.com" }
    email                      = { sender = "Zixly", identity = "example.com" }
    rollout_config             = "CodeDeployDefault.LambdaAllAtOnce"
    alarm_topic_arns           = null # Nothing to go back by.
    worker_maximum_concurrency = 1
    log_retention_days         = 31
  }

  expect_failures = [
    var.environment, var.public_base_url, var.app_url, var.allowed_origins, var.delivery_retention_days, var.provider_endpoints,
    var.email, var.rollout_config, var.worker_maximum_concurrency, var.log_retention_days,
  ]
}
