# Who looks after it: alarms, the dashboard of CloudWatch, and rollouts that go back by themselves.

locals {
  functions = merge({
    webhook   = module.webhook
    worker    = module.worker
    scheduler = module.scheduler
    dashboard = module.dashboard
    admin     = module.admin
  }, { for function in module.realtime : "realtime" => function })

  apis = {
    webhook   = { id = local.api_id, name = "${local.prefix}-http-api" }
    dashboard = { id = local.dashboard_api_id, name = "${local.prefix}-dashboard-api" }
  }

  # A new version that answers every request with an error has no failed invocation, but its API has.
  rollback_alarms = {
    webhook   = try(module.alarms[0].api_alarm_names["webhook"], [])
    worker    = compact([module.job_queue.dead_letter_alarm_name])
    scheduler = []
    dashboard = try(module.alarms[0].api_alarm_names["dashboard"], [])
    realtime  = compact([module.job_event_queue.dead_letter_alarm_name])
    admin     = try(module.alarms[0].api_alarm_names["dashboard"], [])
  }
}

module "alarms" {
  source = "../alarms"
  count  = var.alarm_topic_arns == null ? 0 : 1

  name              = local.prefix
  topic_arns        = var.alarm_topic_arns
  function_names    = [for key in keys(local.functions) : "${local.prefix}-${key}"]
  apis              = local.apis
  metrics_namespace = local.metrics_namespace
}

module "overview" {
  source = "../overview"
  count  = var.alarm_topic_arns == null ? 0 : 1

  name                    = local.prefix
  function_names          = [for function in local.functions : function.name]
  apis                    = local.apis
  queue_names             = [module.job_queue.name, module.job_event_queue.name]
  dead_letter_queue_names = [module.job_queue.dead_letter_name, module.job_event_queue.dead_letter_name]
  metrics_namespace       = local.metrics_namespace
  alarm_arns              = concat(module.alarms[0].arns, module.job_queue.alarm_arns, module.job_event_queue.alarm_arns)
}

module "rollout" {
  source = "../rollout"
  count  = var.rollout_config == null ? 0 : 1

  name              = "${local.prefix}-rollout"
  deployment_config = var.rollout_config

  functions = {
    for key, function in local.functions : key => {
      name        = function.name
      alias       = function.alias
      alarm_names = concat(module.alarms[0].function_alarm_names[function.name], local.rollback_alarms[key])
    }
  }
}
