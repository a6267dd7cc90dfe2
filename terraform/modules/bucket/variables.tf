variable "name" {
  description = "Name of the bucket, unique among all of AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "The name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "key_arn" {
  description = "ARN of the KMS key that objects are encrypted with; null for the one that AWS keeps for S3."
  type        = string
  default     = null
}

variable "destroy_with_content" {
  description = "Whether `terraform destroy` may delete the bucket with everything in it."
  type        = bool
}

variable "old_version_expiry_days" {
  description = "Days after which a replaced or deleted object is gone for good; null keeps it for ever."
  type        = number

  validation {
    condition     = var.old_version_expiry_days == null ? true : var.old_version_expiry_days >= 1
    error_message = "The expiry must be at least 1 day, or null."
  }
}

variable "expiry_days_by_prefix" {
  description = "Days after which objects whose keys begin so are deleted; only where replaced versions expire, too."
  type        = map(number)
  default     = {}
}

variable "page_origins" {
  description = "Web pages that may fetch objects by a signed address, each as `https://host`; none by default."
  type        = list(string)
  default     = []
}
