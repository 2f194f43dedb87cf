"""What runs and their steps log, as one JSON object a line: for ``python_logs`` of dagster.yaml (k8s/values.yaml).

Dagster's own JSON logger must be named in the configuration of each run, which automation does not do, and writes every
field of Python's records but neither clip nor segment.
"""

import json
import logging
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from dagster._core.log_manager import (
    LOG_RECORD_METADATA_ATTR,
    DagsterLogRecordMetadata,
)  # what Dagster adds to a record

from dagster_project.partitions import PARTITION_TAG, RANGE_TAGS, parse_cell


class JsonLineFormatter(logging.Formatter):
    """``time`` (UTC), ``level``, ``logger``, ``message``, and where it belongs, as far as it is known.

    That is ``run_id``, ``job``, ``step``, ``partition``, ``clip``, ``segment``, ``style``; of Dagster's events also
    ``event`` and ``error``, of exceptions ``stack``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        meta: DagsterLogRecordMetadata | None = getattr(record, LOG_RECORD_METADATA_ATTR, None)
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage() if meta is None else meta["orig_message"],
            **({} if meta is None else _place(meta)),
            "stack": self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else None,
        }
        known = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(known, ensure_ascii=False, default=str)


def _place(meta: DagsterLogRecordMetadata) -> dict[str, Any]:
    event = meta["dagster_event"]
    return {
        "run_id": meta["run_id"],
        "job": meta["job_name"],
        "step": meta["step_key"],
        "event": event.event_type_value if event is not None else None,
        "error": _error(event) if event is not None else None,
        **_partition(meta),
    }


def _error(event: dg.DagsterEvent) -> str | None:
    error = getattr(event.event_specific_data, "error", None)
    return str(error.message).strip() if error is not None else None


def _partition(meta: DagsterLogRecordMetadata) -> dict[str, str]:
    event, tags = meta["dagster_event"], meta["job_tags"]
    key = (event.partition if event is not None else None) or tags.get(PARTITION_TAG)
    if key is None:  # one run for many cells of a clip: those of its first one, without the segment
        first = tags.get(RANGE_TAGS[0])
        return {} if first is None else {"clip": parse_cell(first)[0]}
    if "|" in key:
        clip, segment = parse_cell(key)
        return {"partition": key, "clip": clip, "segment": f"{segment:03d}"}
    if meta["step_key"] is None:  # a clip's run or a style's
        return {"partition": key}
    return {"partition": key, "style" if meta["step_key"] == "style_model" else "clip": key}
