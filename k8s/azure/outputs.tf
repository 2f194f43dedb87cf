# What the cluster's files need to know, in the form in which they take it. No secrets.
output "helm_values" {
  description = "terraform output -raw helm_values > ../site-values.yaml"
  value = yamlencode({
    postgresql = {
      postgresqlHost     = azurerm_postgresql_flexible_server.main.fqdn
      postgresqlUsername = azurerm_user_assigned_identity.pipeline.name
    }
    dagsterWebserver = { image = local.image }
    dagsterDaemon    = { image = local.image }
    # Helm replaces lists whole: this one is that of k8s/values.yaml with this deployment's names put in.
    "dagster-user-deployments" = {
      deployments = [
        for deployment in local.values["dagster-user-deployments"].deployments : merge(deployment, {
          image = local.image
          env = merge(deployment.env, {
            STYLIZE_MEDIA_ACCOUNT_URL      = trimsuffix(azurerm_storage_account.media.primary_blob_endpoint, "/")
            STYLIZE_OPERATIONS_ACCOUNT_URL = trimsuffix(azurerm_storage_account.operations.primary_blob_endpoint, "/")
            STYLIZE_CONTAINER_PREFIX       = var.container_prefix
            STYLIZE_UI_URL                 = "https://${var.ui_host}"
          })
        })
      ]
    }
    computeLogManager = {
      config = {
        azureBlobComputeLogManager = {
          storageAccount = azurerm_storage_account.operations.name
          container      = azurerm_storage_container.main["compute-logs"].name
        }
      }
    }
    busybox = { image = { repository = "${azurerm_container_registry.main.login_server}/busybox" } }
  })
}

output "deployment_env" {
  description = "terraform output -raw deployment_env > ../manifests/deployment.env"
  value       = <<-ENV
    TENANT_ID=${data.azurerm_client_config.current.tenant_id}
    PIPELINE_CLIENT_ID=${azurerm_user_assigned_identity.pipeline.client_id}
    PROXY_CLIENT_ID=${azurerm_user_assigned_identity.proxy.client_id}
    LOGIN_CLIENT_ID=${azuread_application.login.client_id}
    OPERATOR_GROUP_ID=${var.ui_operator_group}
    VIEWER_GROUP_ID=${var.ui_viewer_group}
    KEY_VAULT_NAME=${azurerm_key_vault.main.name}
    ISSUER_URL=https://login.microsoftonline.com/${data.azurerm_client_config.current.tenant_id}/v2.0
    OPERATOR_REDIRECT_URL=https://${var.ui_host}/oauth2/callback
    VIEWER_REDIRECT_URL=https://${var.ui_viewer_host}/oauth2/callback
    REGISTRY=${azurerm_container_registry.main.login_server}
    IMAGE_TAG=${var.image_tag}
  ENV
}

output "registry" {
  description = "Where images are pushed to."
  value       = azurerm_container_registry.main.login_server
}

output "resource_group" {
  description = "Resource group of everything but the nodes."
  value       = azurerm_resource_group.main.name
}

output "cluster" {
  description = "Name of the cluster, for `az aks get-credentials`."
  value       = azurerm_kubernetes_cluster.main.name
}

locals {
  values = yamldecode(file("${path.module}/../values.yaml"))
  image = {
    repository = "${azurerm_container_registry.main.login_server}/stylize"
    tag        = var.image_tag
    pullPolicy = "IfNotPresent"
  }
}
