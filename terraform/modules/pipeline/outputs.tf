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

output "app_url" {
  description = "Where the dashboard is, without a slash at the end."
  value       = local.app_url
}

output "secret_names" {
  description = "By function, the name of the secret that it reads."
  value       = { for function, secret in module.secret : function => secret.name }
}

output "functions" {
  description = "By what they are called here, the functions' names in AWS, their aliases and their newest versions."
  value       = { for key, function in local.functions : key => { name = function.name, alias = function.alias, version = function.version } }
}

output "rollout_application" {
  description = "Name of the CodeDeploy application that rolls new versions out; null where they are in use at once."
  value       = one(module.rollout[*].application)
}

output "domain_targets" {
  description = "What each domain's DNS must point at by a CNAME, where it lies in no zone of Route 53's."
  value       = merge([for domain in concat(module.webhook_domain, module.app_domain) : { (domain.url) = domain.target }]...)
}
