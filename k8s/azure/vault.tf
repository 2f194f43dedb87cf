# What is secret: the certificate of the UI and the secret that encrypts its login cookies. Nothing else is: the accounts,
# the database and the login know identities, not keys.
resource "azurerm_key_vault" "main" {
  name                          = local.short_name
  resource_group_name           = azurerm_resource_group.main.name
  location                      = azurerm_resource_group.main.location
  tenant_id                     = data.azurerm_client_config.current.tenant_id
  sku_name                      = "standard"
  rbac_authorization_enabled    = true
  purge_protection_enabled      = true
  soft_delete_retention_days    = 90
  public_network_access_enabled = false
  tags                          = local.tags
  network_acls {
    default_action = "Deny"
    bypass         = "None"
  }
}

resource "azurerm_role_assignment" "proxy_secrets" {
  scope                = azurerm_key_vault.main.id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azurerm_user_assigned_identity.proxy.principal_id
}
