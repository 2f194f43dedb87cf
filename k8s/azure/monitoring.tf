# One workspace for the cluster's logs and for who did what to accounts, vault, registry and database.
resource "azurerm_log_analytics_workspace" "main" {
  name                = "main"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  sku                 = "PerGB2018"
  retention_in_days   = 90
  daily_quota_gb      = 10 # a chatty pod must not become the bill
  tags                = local.tags
}

resource "azurerm_application_insights" "main" {
  name                          = "main"
  resource_group_name           = azurerm_resource_group.main.name
  location                      = azurerm_resource_group.main.location
  workspace_id                  = azurerm_log_analytics_workspace.main.id
  application_type              = "other"
  local_authentication_disabled = true
  tags                          = local.tags
}

locals {
  # What is logged, by resource. Storage logs its blob service, not the account.
  diagnostics = {
    cluster = {
      id         = azurerm_kubernetes_cluster.main.id
      categories = ["kube-audit-admin", "guard", "cluster-autoscaler", "kube-scheduler"]
    }
    vault = {
      id         = azurerm_key_vault.main.id
      categories = ["AuditEvent"]
    }
    registry = {
      id         = azurerm_container_registry.main.id
      categories = ["ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"]
    }
    database = {
      id         = azurerm_postgresql_flexible_server.main.id
      categories = ["PostgreSQLLogs"]
    }
    media = {
      id         = "${azurerm_storage_account.media.id}/blobServices/default"
      categories = ["StorageRead", "StorageWrite", "StorageDelete"]
    }
    operations = {
      id         = "${azurerm_storage_account.operations.id}/blobServices/default"
      categories = ["StorageDelete"] # reads and writes are the pipeline's own, by the million
    }
  }
}

resource "azurerm_monitor_diagnostic_setting" "main" {
  for_each                   = local.diagnostics
  name                       = "audit"
  target_resource_id         = each.value.id
  log_analytics_workspace_id = azurerm_log_analytics_workspace.main.id
  dynamic "enabled_log" {
    for_each = each.value.categories
    content {
      category = enabled_log.value
    }
  }
}

resource "azurerm_monitor_action_group" "main" {
  name                = "operators"
  resource_group_name = azurerm_resource_group.main.name
  short_name          = "stylize"
  tags                = local.tags
  dynamic "email_receiver" {
    for_each = toset(var.alert_emails)
    content {
      name          = email_receiver.value
      email_address = email_receiver.value
    }
  }
}

resource "azurerm_monitor_metric_alert" "database_storage" {
  name                = "database nearly full"
  resource_group_name = azurerm_resource_group.main.name
  scopes              = [azurerm_postgresql_flexible_server.main.id]
  severity            = 1
  tags                = local.tags
  criteria {
    metric_namespace = "Microsoft.DBforPostgreSQL/flexibleServers"
    metric_name      = "storage_percent"
    aggregation      = "Average"
    operator         = "GreaterThan"
    threshold        = 85
  }
  action {
    action_group_id = azurerm_monitor_action_group.main.id
  }
}

resource "azurerm_monitor_metric_alert" "storage_availability" {
  for_each            = local.account_ids
  name                = "${each.key} account is not available"
  resource_group_name = azurerm_resource_group.main.name
  scopes              = [each.value]
  severity            = 1
  tags                = local.tags
  criteria {
    metric_namespace = "Microsoft.Storage/storageAccounts"
    metric_name      = "Availability"
    aggregation      = "Average"
    operator         = "LessThan"
    threshold        = 99
  }
  action {
    action_group_id = azurerm_monitor_action_group.main.id
  }
}

# A step that waits half an hour for a GPU: no quota, no spot machine and no on-demand pool, or a wrong taint.
resource "azurerm_monitor_scheduled_query_rules_alert_v2" "waiting_pods" {
  name                 = "pods wait for a node"
  resource_group_name  = azurerm_resource_group.main.name
  location             = azurerm_resource_group.main.location
  scopes               = [azurerm_log_analytics_workspace.main.id]
  severity             = 2
  evaluation_frequency = "PT10M"
  window_duration      = "PT30M"
  tags                 = local.tags
  criteria {
    query                   = <<-KQL
      KubePodInventory
      | where Namespace == "stylize"
      | summarize arg_max(TimeGenerated, PodStatus, PodCreationTimeStamp) by Name
      | where PodStatus == "Pending" and PodCreationTimeStamp < ago(30m)
    KQL
    time_aggregation_method = "Count"
    operator                = "GreaterThan"
    threshold               = 0
  }
  action {
    action_groups = [azurerm_monitor_action_group.main.id]
  }
}
