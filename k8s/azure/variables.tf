variable "subscription_id" {
  type        = string
  description = "Subscription that pays."
}

variable "name" {
  type        = string
  default     = "stylize"
  description = "What names of resources begin with."
  validation {
    condition     = can(regex("^[a-z]{3,10}$", var.name))
    error_message = "name: 3 to 10 lower-case letters, because names of storage accounts are made of it."
  }
}

variable "environment" {
  type        = string
  default     = "prod"
  description = "Tells deployments apart; together with name it must be unique in all of Azure."
  validation {
    condition     = can(regex("^[a-z0-9]{2,8}$", var.environment))
    error_message = "environment: 2 to 8 lower-case letters and digits, because names of storage accounts are made of it."
  }
}

variable "location" {
  type        = string
  description = "Region; first make sure that it has the GPU and that you have quota for it (k8s/README.md)."
}

variable "kubernetes_version" {
  type        = string
  default     = "1.34"
  description = "Minor version; patches come by themselves in the maintenance window."
}

variable "api_server_callers" {
  type        = list(string)
  description = "Addresses (CIDR) from which the cluster's API may be called: offices, VPN, CI."
  validation {
    condition     = length(var.api_server_callers) > 0 && !contains(var.api_server_callers, "0.0.0.0/0")
    error_message = "api_server_callers: name at least one range, and not the whole internet."
  }
}

variable "customer_addresses" {
  type        = list(string)
  default     = []
  description = "Public addresses (CIDR) that reach the media account, for upload and download links. Empty: private only."
}

variable "container_prefix" {
  type        = string
  default     = ""
  description = "STYLIZE_CONTAINER_PREFIX: what the names of the storage containers begin with."
}

variable "soft_delete_days" {
  type        = number
  default     = 14
  description = "How long a deleted blob or container can be brought back. Costs storage for all that expires."
}

variable "uploaders" {
  type        = list(string)
  default     = []
  description = "Object ids of Entra ID groups that may put videos into landing/."
}

variable "viewers" {
  type        = list(string)
  default     = []
  description = "Object ids of Entra ID groups that may read delivery/."
}

variable "operators" {
  type        = list(string)
  default     = []
  description = "Object ids of Entra ID groups that may read every container."
}

variable "ui_operator_group" {
  type        = string
  description = "Object id of the Entra ID group that may operate in the Dagster UI."
}

variable "ui_viewer_group" {
  type        = string
  description = "Object id of the Entra ID group that may look at the Dagster UI, read-only."
}

variable "cluster_admin_groups" {
  type        = list(string)
  description = "Object ids of Entra ID groups that administer the cluster. There is no local administrator."
}

variable "ui_host" {
  type        = string
  description = "Host name of the UI for operators, for example stylize.example.org."
}

variable "ui_viewer_host" {
  type        = string
  description = "Host name of the read-only UI."
}

variable "image_tag" {
  type        = string
  default     = "0.1.0"
  description = "Tag of the stylizer's image in the registry."
}

variable "gpu_vm_size" {
  type        = string
  default     = "Standard_NC4as_T4_v3"
  description = "GPU machine. One with several GPUs serves as many step pods."
}

variable "gpu_instance" {
  type        = string
  default     = null
  description = "MIG profile for A100 and H100, such as MIG1g: cuts each GPU into walled-off parts. Null: whole GPUs."
}

variable "gpu_spot_max_nodes" {
  type        = number
  default     = 8
  description = "Most spot GPU nodes; needs 'low priority' quota of the region."
}

variable "gpu_max_nodes" {
  type        = number
  default     = 4
  description = "Most on-demand GPU nodes, used when no spot machine is to be had. 0 waits for spot, for however long."
}

variable "cpu_max_nodes" {
  type        = number
  default     = 6
  description = "Most CPU nodes (8 cores each): for daemon, webserver, code server, run pods, and steps without a GPU."
}

variable "warm_minutes" {
  type        = number
  default     = 10
  description = "An idle node stays so long. Longer saves the start (5-10 minutes) of the next batch and pays for idle GPUs."
  validation {
    condition     = var.warm_minutes >= 1
    error_message = "warm_minutes: at least 1."
  }
}

variable "monthly_budget" {
  type        = number
  default     = 1000
  description = "In the currency of the subscription. Alerts at 50, 80 and 100 %; it stops nothing."
}

variable "daily_cost_alert" {
  type        = number
  default     = 100
  description = "Alert when the estimated price of a day's steps exceeds this (STYLIZE_PRICE_*, STYLIZE_CURRENCY)."
}

variable "budget_start" {
  type        = string
  default     = "2026-12-01T00:00:00Z"
  description = "First day of a month, not in the past when the budget is made."
}

variable "alert_emails" {
  type        = list(string)
  description = "Who hears of budget and monitoring alerts."
}
