# One virtual network: nodes, the database's own subnet, and a subnet of private endpoints. Accounts, vault and registry
# have no public address; names resolve to private ones by the zones below.
locals {
  network           = "10.40.0.0/16"
  node_subnet       = "10.40.0.0/19"
  database_subnet   = "10.40.32.0/24" # also in k8s/manifests/network-policies.yaml
  endpoint_subnet   = "10.40.33.0/24"
  pod_addresses     = "10.244.0.0/16" # overlay; also in k8s/manifests/network-policies.yaml
  service_addresses = "10.41.0.0/16"

  private_zones = {
    blob     = "privatelink.blob.core.windows.net"
    vault    = "privatelink.vaultcore.azure.net"
    registry = "privatelink.azurecr.io"
    postgres = "${local.short_name}.private.postgres.database.azure.com"
  }

  private_endpoints = {
    media      = { resource = azurerm_storage_account.media.id, part = "blob", zone = "blob" }
    operations = { resource = azurerm_storage_account.operations.id, part = "blob", zone = "blob" }
    vault      = { resource = azurerm_key_vault.main.id, part = "vault", zone = "vault" }
    registry   = { resource = azurerm_container_registry.main.id, part = "registry", zone = "registry" }
  }
}

resource "azurerm_virtual_network" "main" {
  name                = "main"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  address_space       = [local.network]
  tags                = local.tags
}

resource "azurerm_subnet" "nodes" {
  name                 = "nodes"
  resource_group_name  = azurerm_resource_group.main.name
  virtual_network_name = azurerm_virtual_network.main.name
  address_prefixes     = [local.node_subnet]
  # Azure's implicit way out is going away: nodes leave through the NAT gateway.
  default_outbound_access_enabled = false
}

resource "azurerm_subnet" "endpoints" {
  name                              = "endpoints"
  resource_group_name               = azurerm_resource_group.main.name
  virtual_network_name              = azurerm_virtual_network.main.name
  address_prefixes                  = [local.endpoint_subnet]
  private_endpoint_network_policies = "Enabled"
  default_outbound_access_enabled   = false
}

resource "azurerm_subnet" "database" {
  name                            = "database"
  resource_group_name             = azurerm_resource_group.main.name
  virtual_network_name            = azurerm_virtual_network.main.name
  address_prefixes                = [local.database_subnet]
  default_outbound_access_enabled = false
  delegation {
    name = "postgres"
    service_delegation {
      name    = "Microsoft.DBforPostgreSQL/flexibleServers"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

# Azure's default rules, made visible: what is in the network or joined to it may enter, the internet may not. A public
# load balancer (k8s/manifests/ui-proxy/) needs a rule here for its callers.
resource "azurerm_network_security_group" "closed" {
  name                = "closed"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_subnet_network_security_group_association" "closed" {
  for_each = {
    nodes     = azurerm_subnet.nodes.id
    endpoints = azurerm_subnet.endpoints.id
    database  = azurerm_subnet.database.id
  }
  subnet_id                 = each.value
  network_security_group_id = azurerm_network_security_group.closed.id
}

# The one way out, with one address that others can put on their lists.
resource "azurerm_public_ip" "outbound" {
  name                = "outbound"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  allocation_method   = "Static"
  sku                 = "Standard"
  zones               = ["1", "2", "3"]
  tags                = local.tags
}

resource "azurerm_nat_gateway" "main" {
  name                = "main"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  sku_name            = "Standard"
  tags                = local.tags
}

resource "azurerm_nat_gateway_public_ip_association" "main" {
  nat_gateway_id       = azurerm_nat_gateway.main.id
  public_ip_address_id = azurerm_public_ip.outbound.id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.main.id
}

resource "azurerm_private_dns_zone" "main" {
  for_each            = local.private_zones
  name                = each.value
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "main" {
  for_each              = azurerm_private_dns_zone.main
  name                  = each.key
  resource_group_name   = azurerm_resource_group.main.name
  private_dns_zone_name = each.value.name
  virtual_network_id    = azurerm_virtual_network.main.id
  tags                  = local.tags
}

resource "azurerm_private_endpoint" "main" {
  for_each            = local.private_endpoints
  name                = each.key
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  subnet_id           = azurerm_subnet.endpoints.id
  tags                = local.tags
  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.resource
    subresource_names              = [each.value.part]
    is_manual_connection           = false
  }
  private_dns_zone_group {
    name                 = each.key
    private_dns_zone_ids = [azurerm_private_dns_zone.main[each.value.zone].id]
  }
}
