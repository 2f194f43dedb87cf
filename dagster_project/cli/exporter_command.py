"""``stylize exporter``: a process that shows Prometheus what the deployment does."""

import logging
import signal
import threading

from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.settings import Settings
from dagster_project.telemetry.exporter import serve_metrics


def run_exporter(settings: Settings, *, host: str, port: int, poll_seconds: float) -> None:
    """Serve metrics of the deployment until SIGTERM or Ctrl-C.

    Raises:
        SettingsError: the home cannot be used.
        OSError: the port is taken.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("dagster_project").setLevel(logging.INFO)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    prepare_home(settings)
    with open_instance(settings) as instance:
        serve_metrics(instance, settings.prices, host=host, port=port, poll_seconds=poll_seconds, stop=stop)
