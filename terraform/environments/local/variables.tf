variable "aws_endpoint_url" {
  description = "Where the local AWS listens, with its port; an IP address, since not every resolver knows names under localhost."
  type        = string

  validation {
    condition     = can(regex("^http://[^/]+:[0-9]+$", var.aws_endpoint_url))
    error_message = "The endpoint must look like http://127.0.0.1:4566, without a slash at the end."
  }
}

variable "simulator_url" {
  description = "Where the provider simulator listens, with its port."
  type        = string

  validation {
    condition     = can(regex("^http://[^/]+:[0-9]+$", var.simulator_url))
    error_message = "The simulator's URL must look like http://127.0.0.1:4600, without a slash at the end."
  }
}

variable "architecture" {
  description = "Processor of this machine, which runs the functions: arm64 or x86_64."
  type        = string
}

variable "zip_folder" {
  description = "Folder with the functions' zips as cargo lambda leaves them, each as `zixly-{function}/bootstrap.zip`."
  type        = string
}

variable "api_kind" {
  description = "`rest` for the community edition of LocalStack, which has neither HTTP nor WebSocket APIs."
  type        = string
  default     = "http"
}
