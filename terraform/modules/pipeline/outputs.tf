output "http_api_id" {
  description = "Id of the HTTP API."
  value       = module.http_api.id
}

output "http_api_url" {
  description = "Where AWS serves the HTTP API, without a slash at the end."
  value       = module.http_api.url
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

output "token_set_prefix" {
  description = "What the name of every token set's secret starts with."
  value       = local.token_set_prefix
}
