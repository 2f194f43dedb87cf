"""Makes every checkpoint and every picture that appears in ``landing/styles/`` a style.

Everything that decides something lies in :mod:`sensors.style_upload_diff`.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from dagster_project.jobs import load_style_job
from dagster_project.partitions import styles
from sensors.style_upload_diff import Seen, diff_style_uploads
from stylize.errors import StoreError
from stylize.records.style_uploads import EXPECTED, StyleUpload, sort_style_uploads
from stylize.store.keys import LANDING_STYLES
from stylize.store.media_store import MediaStore

INTERVAL_SECONDS = 15


@dg.sensor(
    job=load_style_job,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes every picture and every checkpoint in landing/styles/ a style once it is complete.",
)
def style_upload_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[MediaStore]
) -> dg.SensorResult | dg.SkipReason:
    try:
        uploads = sort_style_uploads(store.list(LANDING_STYLES))
    except StoreError as error:
        # A listing that failed is no empty folder: nothing is concluded from it, and the cursor stays.
        return dg.SkipReason(f"The store cannot be read now: {error}")
    diff = diff_style_uploads(uploads, before=_read_cursor(context.cursor))
    hint = f" {EXPECTED}." if uploads.unusable else ""
    return dg.SensorResult(
        run_requests=[_request(upload) for upload in diff.ready],
        skip_reason=None if diff.ready else f"{diff.summary}{hint}",
        dynamic_partitions_requests=[styles.build_add_request([upload.style for upload in diff.ready])],
        cursor=json.dumps({style: asdict(seen) for style, seen in diff.seen.items()}),
    )


def _request(upload: StyleUpload) -> dg.RunRequest:
    """Dagster launches one run per key: the same version is never read twice, whatever became of the cursor."""
    return dg.RunRequest(run_key=f"{upload.style}/{upload.info.etag}", partition_key=upload.style)


def _read_cursor(cursor: str | None) -> Mapping[str, Seen]:
    return {style: Seen(**fields) for style, fields in json.loads(cursor or "{}").items()}
