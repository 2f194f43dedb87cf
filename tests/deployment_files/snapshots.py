"""Jobs as dagster-k8s sends them, kept in snapshots/ so that a change of any of their fields is seen.

``UPDATE_SNAPSHOTS=1 make test PYTEST_ARGS=tests/deployment_files`` writes them anew: read the difference before
committing it.
"""

import os
from pathlib import Path
from typing import Any

import yaml

from k8s.documents import Document

SNAPSHOTS = Path(__file__).with_name("snapshots")
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"


def _passing(job: Document) -> dict[str, str]:
    """What stands in a Job for one run only, and what its snapshot has in its place."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    encoded = [text for text in container["args"] if len(text) > 100]
    encoded += [item["value"] for item in container["env"] if item["name"] == "DAGSTER_COMPRESSED_EXECUTE_STEP_ARGS"]
    named = {job["metadata"]["name"]: "JOB", job["metadata"]["labels"]["dagster/run-id"]: "RUN-ID"}
    return dict.fromkeys(encoded, "ARGUMENTS") | named


def _lasting(value: Any, passing: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(item, passing) for key, item in value.items()}
    if isinstance(value, list):
        return [_lasting(item, passing) for item in value]
    return passing.get(value, value) if isinstance(value, str) else value


def check_snapshot(name: str, job: Document) -> None:
    """Fail unless the Job is that of ``snapshots/<name>.yaml``, or write it there."""
    path = SNAPSHOTS / f"{name}.yaml"
    text = yaml.safe_dump(_lasting(job, _passing(job)))
    if UPDATE:
        path.write_text(text)
    assert text == path.read_text()
