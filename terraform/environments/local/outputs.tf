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

output "app_url" {
  description = "Where the dashboard is, without a slash at the end."
  value       = module.pipeline.app_url
}

output "secret_names" {
  description = "By function, the name of the secret that it reads."
  value       = module.pipeline.secret_names
}
