variable "name" {
  description = "Name of the table."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,63}$", var.name))
    error_message = "The name must be 3 to 64 lower-case letters, digits and hyphens and start with a letter."
  }
}

variable "partition_key" {
  description = "Name of the attribute that identifies an item, or a partition of items, a string."
  type        = string
}

variable "sort_key" {
  description = "Name of the attribute that tells the items of a partition apart, a string; null where each partition is one item."
  type        = string
  default     = null
}

variable "expiry_attribute" {
  description = "Name of the attribute with the Unix time in seconds after which DynamoDB deletes an item."
  type        = string
}

variable "point_in_time_recovery" {
  description = "Whether the table can be put back to any second of the last 35 days; billed by size."
  type        = bool
}
