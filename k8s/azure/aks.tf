# The cluster: a small system pool, a CPU pool for Dagster and its run pods, and two GPU pools that begin at no nodes.
resource "azurerm_user_assigned_identity" "cluster" {
  name                = "cluster"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  tags                = local.tags
}

resource "azurerm_role_assignment" "cluster_network" {
  scope                = azurerm_subnet.nodes.id
  role_definition_name = "Network Contributor" # puts the internal load balancers into the subnet
  principal_id         = azurerm_user_assigned_identity.cluster.principal_id
}

resource "azurerm_kubernetes_cluster" "main" {
  name                = "main"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  dns_prefix          = local.short_name
  kubernetes_version  = var.kubernetes_version
  sku_tier            = "Standard" # the API server's uptime is guaranteed
  tags                = local.tags

  # People sign in by Entra ID, pods by workload identity; there is no local administrator to leak.
  local_account_disabled            = true
  role_based_access_control_enabled = true
  oidc_issuer_enabled               = true
  workload_identity_enabled         = true
  azure_policy_enabled              = true
  run_command_enabled               = false
  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = var.cluster_admin_groups
  }
  api_server_access_profile {
    authorized_ip_ranges = concat(var.api_server_callers, ["${azurerm_public_ip.outbound.ip_address}/32"])
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  # Cilium enforces the network policies of k8s/manifests/.
  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    outbound_type       = "userAssignedNATGateway"
    pod_cidr            = local.pod_addresses
    service_cidr        = local.service_addresses
    dns_service_ip      = cidrhost(local.service_addresses, 10)
  }

  default_node_pool {
    name                         = "system"
    vm_size                      = "Standard_D2ds_v5"
    only_critical_addons_enabled = true
    auto_scaling_enabled         = true
    min_count                    = 2
    max_count                    = 4
    max_pods                     = 60
    zones                        = ["1", "2", "3"]
    vnet_subnet_id               = azurerm_subnet.nodes.id
    os_disk_type                 = "Ephemeral"
    os_disk_size_gb              = 64
    host_encryption_enabled      = true
    temporary_name_for_rotation  = "systemtmp"
    upgrade_settings {
      max_surge = "33%"
    }
  }

  auto_scaler_profile {
    # k8s/manifests/gpu/autoscaler-priorities.yaml: spot before on demand.
    expander = "priority"
    # How long a node stays that nobody needs: the GPU pools' warmth between batches, and what it costs.
    scale_down_unneeded        = "${var.warm_minutes}m"
    scale_down_delay_after_add = "${var.warm_minutes}m"
    # A spot machine that does not come within this time gives way to the on-demand pool.
    max_node_provisioning_time = "10m"
    # Run and step pods have local scratch folders; when they are gone, so is the reason to keep the node.
    skip_nodes_with_local_storage = false
  }

  key_vault_secrets_provider {
    secret_rotation_enabled  = true
    secret_rotation_interval = "2m"
  }
  oms_agent {
    log_analytics_workspace_id      = azurerm_log_analytics_workspace.main.id
    msi_auth_for_monitoring_enabled = true
  }

  # Collects what k8s/manifests/metrics/ offers, and the cluster's own figures (metrics.tf).
  monitor_metrics {}

  # Patches of Kubernetes and new node images come by themselves, in the window below. Minor versions do not.
  automatic_upgrade_channel = "patch"
  node_os_upgrade_channel   = "NodeImage"
  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 6
  }
  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = "Sunday"
    start_time  = "02:00"
    utc_offset  = "+00:00"
    duration    = 6
  }

  lifecycle {
    ignore_changes = [default_node_pool[0].node_count]
  }
  depends_on = [azurerm_role_assignment.cluster_network, azurerm_subnet_nat_gateway_association.nodes]
}

resource "azurerm_kubernetes_cluster_node_pool" "cpu" {
  name                        = "cpu"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.main.id
  vm_size                     = "Standard_D8ds_v5" # its local disk holds the clips of several run pods
  auto_scaling_enabled        = true
  min_count                   = 1
  max_count                   = var.cpu_max_nodes
  max_pods                    = 60
  zones                       = ["1", "2", "3"]
  vnet_subnet_id              = azurerm_subnet.nodes.id
  os_disk_type                = "Ephemeral"
  os_disk_size_gb             = 256
  host_encryption_enabled     = true
  temporary_name_for_rotation = "cputmp"
  tags                        = local.tags
  upgrade_settings {
    max_surge = "33%"
  }
  lifecycle {
    ignore_changes = [node_count]
  }
}

resource "azurerm_kubernetes_cluster_node_pool" "gpu_spot" {
  name                    = "gpuspot"
  kubernetes_cluster_id   = azurerm_kubernetes_cluster.main.id
  vm_size                 = var.gpu_vm_size
  gpu_instance            = var.gpu_instance
  priority                = "Spot"
  eviction_policy         = "Delete" # a stopped machine would hold its quota and its disk
  spot_max_price          = -1       # never evicted for its price, which is at most that of the on-demand pool
  auto_scaling_enabled    = true
  min_count               = 0
  max_count               = var.gpu_spot_max_nodes
  max_pods                = 60
  vnet_subnet_id          = azurerm_subnet.nodes.id
  os_disk_size_gb         = 128
  host_encryption_enabled = true
  node_labels = {
    accelerator                             = "nvidia"
    "kubernetes.azure.com/scalesetpriority" = "spot"
  }
  node_taints = [
    "sku=gpu:NoSchedule",
    "kubernetes.azure.com/scalesetpriority=spot:NoSchedule",
  ]
  tags = local.tags
  lifecycle {
    ignore_changes = [node_count]
  }
}

resource "azurerm_kubernetes_cluster_node_pool" "gpu" {
  count                       = var.gpu_max_nodes > 0 ? 1 : 0
  name                        = "gpu"
  kubernetes_cluster_id       = azurerm_kubernetes_cluster.main.id
  vm_size                     = var.gpu_vm_size
  gpu_instance                = var.gpu_instance
  auto_scaling_enabled        = true
  min_count                   = 0
  max_count                   = var.gpu_max_nodes
  max_pods                    = 60
  vnet_subnet_id              = azurerm_subnet.nodes.id
  os_disk_size_gb             = 128
  host_encryption_enabled     = true
  temporary_name_for_rotation = "gputmp"
  node_labels = {
    accelerator = "nvidia"
  }
  node_taints = ["sku=gpu:NoSchedule"]
  tags        = local.tags
  upgrade_settings {
    max_surge = "1"
  }
  lifecycle {
    ignore_changes = [node_count]
  }
}
