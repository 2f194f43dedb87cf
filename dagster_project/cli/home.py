"""The home of a local deployment: its store, its Dagster instance, and what killed processes left in them."""

import fcntl
import os

import dagster as dg
from dagster._core.instance.ref import InstanceRef  # no public way to open an instance without DAGSTER_HOME

from dagster_project.settings import Settings
from resources.build import build_resources
from resources.local_process import fail_dead_runs
from stylize.errors import SettingsError
from stylize.store.folder_store import FolderStore

# Two runs at once: one that waits for the lease of a clip must not hold up the others. Runs are tried again when their
# process was killed; a step that failed has had its own retries. The queue is looked at every second, not every five: a
# clip passes it five times on its way.
INSTANCE_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 2
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  free_slots_after_run_end_seconds: 10
run_retries:
  enabled: true
  max_retries: 3
  retry_on_asset_or_op_failure: false
"""

# The command line shows its own progress: capturing what steps print would take its terminal away from it.
NO_COMPUTE_LOGS = {
    "compute_logs": {
        "module": "dagster._core.storage.noop_compute_log_manager",
        "class": "NoOpComputeLogManager",
    }
}


def prepare_home(settings: Settings) -> FolderStore:
    """Make the folders and the instance settings of a home that is used for the first time.

    Raises:
        SettingsError: the home cannot be written.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        settings.dagster_dir.mkdir(parents=True, exist_ok=True)
        instance_settings = settings.dagster_dir / "dagster.yaml"
        if not instance_settings.exists():
            # In one step: a process that is killed here, or one that starts beside it, must not find half of it.
            unfinished = settings.dagster_dir / f"dagster.yaml.{os.getpid()}"
            unfinished.write_text(INSTANCE_SETTINGS)
            unfinished.replace(instance_settings)
    except OSError as error:
        raise SettingsError(
            f"cannot use {settings.home} as home: {error.strerror or error}; name another by --home"
        ) from error
    return FolderStore(settings.store_dir)


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Open the Dagster instance of a prepared home."""
    # The first to open a home creates its database; two that do it at once would break it.
    # The lock lies in the home: an instance that pods share has a folder that they can only read.
    with (settings.home / "open.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.dagster_dir), overrides=NO_COMPUTE_LOGS))


def clean_up_after_killed_processes(settings: Settings, instance: dg.DagsterInstance, store: FolderStore) -> None:
    """End their runs, and remove their unfinished files."""
    fail_dead_runs(instance)
    store.sweep()
    build_resources(settings)["scratch"].sweep()
