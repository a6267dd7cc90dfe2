output "webhook_url" {
  description = "Where the HTTP API is, without a slash at the end; add e.g. `/webhook/xero`."
  value       = module.pipeline.public_base_url
}

output "job_queue_url" {
  description = "URL of the job queue."
  value       = module.pipeline.job_queue_url
}

output "dead_letter_queue_url" {
  description = "URL of the job queue's dead-letter queue."
  value       = module.pipeline.dead_letter_queue_url
}

output "payload_bucket" {
  description = "Name of the bucket with payloads and reports."
  value       = module.pipeline.payload_bucket
}

output "counter_table" {
  description = "Name of the table with request counts."
  value       = module.pipeline.counter_table
}

output "webhook_secret_name" {
  description = "Name of the secret that the webhook function reads."
  value       = module.pipeline.webhook_secret_name
}

output "worker_secret_name" {
  description = "Name of the secret that the worker function reads."
  value       = module.pipeline.worker_secret_name
}

output "scheduler_secret_name" {
  description = "Name of the secret that the scheduler function reads."
  value       = module.pipeline.scheduler_secret_name
}

output "hook_secret_prefix" {
  description = "What the name of every Asana webhook's secret starts with."
  value       = module.pipeline.hook_secret_prefix
}

output "token_set_prefix" {
  description = "What the name of every token set's secret starts with."
  value       = module.pipeline.token_set_prefix
}

output "websocket_url" {
  description = "Where pages open WebSockets, without a slash at the end."
  value       = module.pipeline.websocket_url
}

output "realtime_secret_name" {
  description = "Name of the secret that the realtime function reads."
  value       = module.pipeline.realtime_secret_name
}

output "app_url" {
  description = "Where the dashboard is, without a slash at the end."
  value       = module.pipeline.app_url
}

output "dashboard_secret_name" {
  description = "Name of the secret that the dashboard function reads."
  value       = module.pipeline.dashboard_secret_name
}

output "admin_secret_name" {
  description = "Name of the secret that the admin function reads."
  value       = module.pipeline.admin_secret_name
}
