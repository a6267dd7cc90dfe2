variable "name" {
  description = "The domain, e.g. `hooks.example.com`."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.name))
    error_message = "The domain must be a host's full name in lower-case letters, e.g. hooks.example.com."
  }
}

variable "api_id" {
  description = "Id of the HTTP API that answers at the domain."
  type        = string
}

variable "api_stage" {
  description = "Name of the API's stage."
  type        = string
}

variable "hosted_zone_id" {
  description = "Id of the Route 53 zone that the domain lies in; null where its DNS is elsewhere, and then the certificate must be given."
  type        = string
  default     = null
}

variable "certificate_arn" {
  description = "ARN of a certificate for the domain, in the API's region; null makes one in the zone."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn != null || var.hosted_zone_id != null
    error_message = "Give a hosted zone, in which the certificate proves itself, or the ARN of a certificate that there is."
  }
}
