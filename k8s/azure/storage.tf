# Two accounts, for the reasons in docs/azure.md: what customers touch, and everything else.
locals {
  containers = {
    media      = ["landing", "delivery"]
    operations = ["clips", "compute-logs", "models", "uploads", "work"]
  }
  container_accounts = merge([
    for account, names in local.containers : { for name in names : name => account }
  ]...)
  account_ids = {
    media      = azurerm_storage_account.media.id
    operations = azurerm_storage_account.operations.id
  }
  # The very rules that docs/retention.md explains; docs/lifecycle-policy.json is their one home.
  lifecycle_rules = jsondecode(file("${path.module}/../../docs/lifecycle-policy.json")).rules
}

resource "azurerm_storage_account" "media" {
  name                     = "${local.short_name}media"
  resource_group_name      = azurerm_resource_group.main.name
  location                 = azurerm_resource_group.main.location
  account_tier             = "Standard"
  account_replication_type = "ZRS"
  tags                     = local.tags

  # Links for customers are signed by an identity (user delegation), never by an account key.
  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  local_user_enabled              = false
  sas_policy {
    # Links live for at most 7 days (docs/azure.md). "Log", because "Block" refuses links that name no start as well.
    expiration_period = "07.00:00:00"
    expiration_action = "Log"
  }

  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true

  # Customers need a public endpoint, and get one for the addresses that are named.
  public_network_access_enabled = length(var.customer_addresses) > 0
  network_rules {
    default_action = "Deny"
    bypass         = ["None"]
    ip_rules       = var.customer_addresses
  }

  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = var.soft_delete_days
    }
    container_delete_retention_policy {
      days = var.soft_delete_days
    }
  }

  lifecycle {
    # Holds what was delivered, which nothing can make again once the uploads are gone.
    prevent_destroy = true
  }
}

resource "azurerm_storage_account" "operations" {
  name                     = "${local.short_name}operations"
  resource_group_name      = azurerm_resource_group.main.name
  location                 = azurerm_resource_group.main.location
  account_tier             = "Standard"
  account_replication_type = "ZRS"
  tags                     = local.tags

  shared_access_key_enabled       = false
  default_to_oauth_authentication = true
  local_user_enabled              = false
  sas_policy {
    # Only the webserver's download links of compute logs, for which Dagster has six hours.
    expiration_period = "00.06:00:00"
    expiration_action = "Log"
  }

  https_traffic_only_enabled        = true
  min_tls_version                   = "TLS1_2"
  allow_nested_items_to_be_public   = false
  cross_tenant_replication_enabled  = false
  infrastructure_encryption_enabled = true
  public_network_access_enabled     = false
  network_rules {
    default_action = "Deny"
    bypass         = ["None"]
  }

  blob_properties {
    versioning_enabled = true
    delete_retention_policy {
      days = var.soft_delete_days
    }
    container_delete_retention_policy {
      days = var.soft_delete_days
    }
  }
}

resource "azurerm_storage_container" "main" {
  for_each              = local.container_accounts
  name                  = "${var.container_prefix}${each.key}"
  storage_account_id    = local.account_ids[each.value]
  container_access_type = "private"
}

resource "azurerm_storage_management_policy" "operations" {
  storage_account_id = azurerm_storage_account.operations.id

  dynamic "rule" {
    for_each = local.lifecycle_rules
    content {
      name    = rule.value.name
      enabled = rule.value.enabled
      filters {
        blob_types   = rule.value.definition.filters.blobTypes
        prefix_match = [for prefix in rule.value.definition.filters.prefixMatch : "${var.container_prefix}${prefix}"]
      }
      actions {
        base_blob {
          delete_after_days_since_modification_greater_than = rule.value.definition.actions.baseBlob.delete.daysAfterModificationGreaterThan
        }
        version {
          delete_after_days_since_creation = rule.value.definition.actions.version.delete.daysAfterCreationGreaterThan
        }
        snapshot {
          delete_after_days_since_creation_greater_than = rule.value.definition.actions.snapshot.delete.daysAfterCreationGreaterThan
        }
      }
    }
  }
}
