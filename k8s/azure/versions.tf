terraform {
  required_version = ">= 1.9"
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.40"
    }
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.4"
    }
  }
  # The state of a team lies in a storage account of its own: give its name with `terraform init -backend-config=...`.
  backend "azurerm" {
    use_azuread_auth = true
  }
}

provider "azurerm" {
  subscription_id = var.subscription_id
  # The accounts refuse account keys, so Terraform signs in to them as everybody else does.
  storage_use_azuread = true
  features {
    key_vault {
      purge_soft_delete_on_destroy = false
    }
    resource_group {
      prevent_deletion_if_contains_resources = true
    }
  }
}

data "azurerm_client_config" "current" {}

resource "azurerm_resource_group" "main" {
  name     = "${var.name}-${var.environment}"
  location = var.location
  tags     = local.tags
}

locals {
  # Global names (storage, registry, vault) allow neither hyphens nor many letters.
  short_name = "${var.name}${var.environment}"
  tags = {
    workload    = var.name
    environment = var.environment
  }
}
