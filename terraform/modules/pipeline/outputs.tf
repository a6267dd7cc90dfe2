output "public_base_url" {
  description = "Where the world reaches the HTTP API, without a slash at the end."
  value       = local.public_base_url
}

output "job_queue_url" {
  description = "URL of the job queue."
  value       = module.job_queue.url
}

output "dead_letter_queue_url" {
  description = "URL of the job queue's dead-letter queue."
  value       = module.job_queue.dead_letter_url
}

output "payload_bucket" {
  description = "Name of the bucket with payloads and reports."
  value       = module.payload_bucket.name
}

output "counter_table" {
  description = "Name of the table with request counts."
  value       = module.counter_table.name
}

output "webhook_secret_name" {
  description = "Name of the secret that the webhook function reads."
  value       = module.webhook_secret.name
}

output "worker_secret_name" {
  description = "Name of the secret that the worker function reads."
  value       = module.worker_secret.name
}

output "scheduler_secret_name" {
  description = "Name of the secret that the scheduler function reads."
  value       = module.scheduler_secret.name
}

output "hook_secret_prefix" {
  description = "What the name of every Asana webhook's secret starts with."
  value       = local.hook_secret_prefix
}

output "token_set_prefix" {
  description = "What the name of every token set's secret starts with."
  value       = local.token_set_prefix
}

output "websocket_url" {
  description = "Where pages open WebSockets, without a slash at the end; each with a `ticket` of the dashboard."
  value       = local.websocket_url
}

output "realtime_secret_name" {
  description = "Name of the secret that the realtime function reads."
  value       = module.realtime_secret.name
}

output "app_url" {
  description = "Where the dashboard is, without a slash at the end."
  value       = local.app_url
}

output "dashboard_secret_name" {
  description = "Name of the secret that the dashboard function reads."
  value       = module.dashboard_secret.name
}

output "admin_secret_name" {
  description = "Name of the secret that the admin function reads."
  value       = module.admin_secret.name
}
