# Who may do what in Azure. The table of docs/azure.md is rights.json here; a test compares the two.
locals {
  rights = jsondecode(file("${path.module}/rights.json"))
  principals = {
    pipeline = { pipeline = azurerm_user_assigned_identity.pipeline.principal_id }
    uploader = { for id in var.uploaders : id => id }
    viewer   = { for id in var.viewers : id => id }
    operator = { for id in var.operators : id => id }
  }
  role_assignments = merge([
    for right in local.rights.assignments : {
      for key, id in local.principals[right.actor] :
      "${right.actor} ${right.container} ${key}" => merge(right, { principal_id = id })
    }
  ]...)
  # Kubernetes accounts that become the pipeline's identity (k8s/manifests/service-accounts.yaml).
  pipeline_accounts = ["stylize-control", "stylize-code", "stylize-run", "stylize-step", "stylize-exporter"]
}

resource "azurerm_user_assigned_identity" "pipeline" {
  name                = "stylize-pipeline"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "pipeline" {
  for_each            = toset(local.pipeline_accounts)
  name                = each.key
  resource_group_name = azurerm_resource_group.main.name
  parent_id           = azurerm_user_assigned_identity.pipeline.id
  issuer              = azurerm_kubernetes_cluster.main.oidc_issuer_url
  audience            = ["api://AzureADTokenExchange"]
  subject             = "system:serviceaccount:stylize:${each.key}"
}

# Reads the login's certificate and cookie secret from the vault, and nothing else.
resource "azurerm_user_assigned_identity" "proxy" {
  name                = "stylize-ui-proxy"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "proxy" {
  name                = "ui-proxy"
  resource_group_name = azurerm_resource_group.main.name
  parent_id           = azurerm_user_assigned_identity.proxy.id
  issuer              = azurerm_kubernetes_cluster.main.oidc_issuer_url
  audience            = ["api://AzureADTokenExchange"]
  subject             = "system:serviceaccount:stylize:ui-proxy"
}

# Azure has no role "write without delete" and none "write without read".
resource "azurerm_role_definition" "custom" {
  for_each    = local.rights.custom_roles
  name        = "${each.key} (${local.short_name})"
  description = "See docs/azure.md of the video stylizer."
  scope       = azurerm_resource_group.main.id
  permissions {
    data_actions = [
      for action in each.value : "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/${action}"
    ]
  }
  assignable_scopes = [azurerm_resource_group.main.id]
}

resource "azurerm_role_assignment" "containers" {
  for_each             = local.role_assignments
  scope                = azurerm_storage_container.main[each.value.container].id
  role_definition_id   = try(azurerm_role_definition.custom[each.value.role].role_definition_resource_id, null)
  role_definition_name = contains(keys(local.rights.custom_roles), each.value.role) ? null : each.value.role
  principal_id         = each.value.principal_id
}

# To make download links of compute logs, in the UI.
resource "azurerm_role_assignment" "log_links" {
  scope                = azurerm_storage_account.operations.id
  role_definition_name = "Storage Blob Delegator"
  principal_id         = azurerm_user_assigned_identity.pipeline.principal_id
}

# To make links of deliveries for customers (`stylize share`). A link can do no more than its signer.
resource "azurerm_role_assignment" "customer_links" {
  for_each             = toset(var.operators)
  scope                = azurerm_storage_account.media.id
  role_definition_name = "Storage Blob Delegator"
  principal_id         = each.value
}

# People sign in to the UI through this application. It has no secret: the proxy proves itself by its pod's token.
resource "azuread_application" "login" {
  display_name            = "${local.short_name} UI"
  sign_in_audience        = "AzureADMyOrg"
  group_membership_claims = ["SecurityGroup"]
  owners                  = [data.azurerm_client_config.current.object_id]
  web {
    redirect_uris = [
      "https://${var.ui_host}/oauth2/callback",
      "https://${var.ui_viewer_host}/oauth2/callback",
    ]
  }
}

resource "azuread_service_principal" "login" {
  client_id = azuread_application.login.client_id
  owners    = [data.azurerm_client_config.current.object_id]
}

resource "azuread_application_federated_identity_credential" "login" {
  application_id = azuread_application.login.id
  display_name   = "ui-proxy"
  audiences      = ["api://AzureADTokenExchange"]
  issuer         = azurerm_kubernetes_cluster.main.oidc_issuer_url
  subject        = "system:serviceaccount:stylize:ui-proxy"
}
