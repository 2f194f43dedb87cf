# Tells, and stops nothing: the hard limits are the pools' maximum (variables.tf) and k8s/manifests/quota.yaml.
resource "azurerm_consumption_budget_resource_group" "main" {
  name              = "monthly"
  resource_group_id = azurerm_resource_group.main.id
  amount            = var.monthly_budget
  time_grain        = "Monthly"
  time_period {
    start_date = var.budget_start
  }
  dynamic "notification" {
    for_each = {
      half = { percent = 50, kind = "Actual" }
      most = { percent = 80, kind = "Actual" }
      all  = { percent = 100, kind = "Forecasted" }
    }
    content {
      enabled        = true
      threshold      = notification.value.percent
      threshold_type = notification.value.kind
      operator       = "GreaterThanOrEqualTo"
      contact_emails = var.alert_emails
    }
  }
}

# The nodes are billed in the resource group that AKS makes, which the budget above does not see.
resource "azurerm_consumption_budget_resource_group" "nodes" {
  name              = "monthly"
  resource_group_id = azurerm_kubernetes_cluster.main.node_resource_group_id
  amount            = var.monthly_budget
  time_grain        = "Monthly"
  time_period {
    start_date = var.budget_start
  }
  dynamic "notification" {
    for_each = {
      half = { percent = 50, kind = "Actual" }
      most = { percent = 80, kind = "Actual" }
      all  = { percent = 100, kind = "Forecasted" }
    }
    content {
      enabled        = true
      threshold      = notification.value.percent
      threshold_type = notification.value.kind
      operator       = "GreaterThanOrEqualTo"
      contact_emails = var.alert_emails
    }
  }
}
