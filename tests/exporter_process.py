"""``stylize exporter`` as Prometheus meets it: a process of its own, asked by HTTP."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from azurite.server import free_port
from tests.deployment import END_SECONDS, wait_until

START_SECONDS = 200

Sample = tuple[str, tuple[tuple[str, str], ...]]


class Scraped:
    """One answer of an exporter."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples: dict[Sample, float] = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def sum(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name that bear these labels, and perhaps others."""
        found = [
            value
            for (sample, own), value in self.samples.items()
            if sample == name and labels.items() <= dict(own).items()
        ]
        assert found, f"no sample of {name} with {labels}"
        return sum(found)

    def labels(self, name: str, label: str) -> set[str]:
        """The values of one label of a metric."""
        return {dict(own)[label] for sample, own in self.samples if sample == name}


class ExporterProcess:
    """A running exporter."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.log = log
        self._url = f"http://127.0.0.1:{port}/metrics"

    def scrape(self) -> Scraped:
        with urllib.request.urlopen(self._url) as response:  # noqa: S310 - http
            return Scraped(response.read().decode())

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            self.scrape()
        except urllib.error.URLError:
            return False
        return True


@contextmanager
def running_exporter(home: Path, **environment: str) -> Iterator[ExporterProcess]:
    """An exporter of a home that looks at it every second; must end on SIGTERM as it should."""
    port, log = free_port(), home / "exporter.log"
    command = [Path(sys.executable).with_name("stylize"), "exporter", "--home", home]
    with log.open("a") as output:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--poll-seconds", "1"],
            stdout=output,
            stderr=output,
            env={**os.environ, **environment},
        )
    try:
        exporter = ExporterProcess(process, port, log)
        wait_until(exporter.answers, START_SECONDS)
        yield exporter
        process.terminate()
        assert process.wait(END_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
