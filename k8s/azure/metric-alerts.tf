# What wakes people: docs/operations.md says what to do about each. In a file of its own because the policy scan cannot read
# it: its parser takes the argument "for" for a loop (k8s/checkov.yaml).
locals {
  # What to do about each is written in docs/operations.md under the name of the alert. Totals of the exporter begin
  # anew at midnight UTC, and a series of labels begins with its first event, which rate() would not see: rare events are
  # compared with what there was some minutes ago.
  metric_alerts = {
    "runs wait too long" = {
      expression = "stylize_oldest_queued_run_seconds > 1800"
      lasting    = "PT10M"
    }
    "pods start slowly" = {
      expression = "sum(rate(stylize_step_start_seconds_sum[30m])) / sum(rate(stylize_step_start_seconds_count[30m])) > 900"
      lasting    = "PT10M"
    }
    "steps are interrupted often" = {
      expression = "sum(rate(stylize_step_retries_total{reason=\"PodLost\"}[30m])) > 0.5 * sum(rate(stylize_step_attempts_total{asset=\"styled_frames\"}[30m]))"
      lasting    = "PT15M"
    }
    "the store is in trouble" = {
      expression = "sum(stylize_step_retries_total{reason=\"StoreUnavailableError\"}) - (sum(stylize_step_retries_total{reason=\"StoreUnavailableError\"} offset 10m) or vector(0)) > 3"
      lasting    = "PT1M"
    }
    "the store refuses access" = {
      expression = "sum(stylize_step_failures_total{kind=\"StoreAccessError\"}) - (sum(stylize_step_failures_total{kind=\"StoreAccessError\"} offset 30m) or vector(0)) > 0"
      lasting    = "PT1M"
    }
    "work lies still" = {
      expression = "sum(stylize_unfinished_runs) > 0 and sum(rate(stylize_step_attempts_total[30m])) == 0"
      lasting    = "PT30M"
    }
    "no figures arrive" = {
      expression = "absent(stylize_exporter_last_read_timestamp_seconds) or time() - stylize_exporter_last_read_timestamp_seconds > 300"
      lasting    = "PT10M"
    }
    "today is expensive" = {
      expression = "sum(stylize_cost_total) > ${var.daily_cost_alert}"
      lasting    = "PT1M"
    }
  }
}

resource "azurerm_monitor_alert_prometheus_rule_group" "main" {
  name                = "stylize"
  resource_group_name = azurerm_resource_group.main.name
  location            = azurerm_resource_group.main.location
  cluster_name        = azurerm_kubernetes_cluster.main.name
  scopes              = [azurerm_monitor_workspace.main.id]
  interval            = "PT1M"
  tags                = local.tags
  dynamic "rule" {
    for_each = local.metric_alerts
    content {
      alert      = rule.key
      expression = rule.value.expression
      for        = rule.value.lasting
      severity   = 2
      action {
        action_group_id = azurerm_monitor_action_group.main.id
      }
      alert_resolution {
        auto_resolved   = true
        time_to_resolve = "PT10M"
      }
    }
  }
}
