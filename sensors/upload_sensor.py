"""Starts work on every video that appears in ``landing/``, and keeps the ledger of what became of it.

https://docs.dagster.io/guides/automate/sensors
"""

import dagster as dg

from dagster_project.jobs import receive_upload_job
from resources.stylizer import StylizerResource
from sensors.upload_tick import UploadTick
from stylize.errors import StoreError
from stylize.store.media_store import MediaStore

INTERVAL_SECONDS = 10


@dg.sensor(
    job=receive_upload_job,
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Takes up every video in landing/ once it is complete, and records what becomes of it.",
)
def upload_sensor(
    context: dg.SensorEvaluationContext, store: dg.ResourceParam[MediaStore], stylizer: StylizerResource
) -> dg.SensorResult | dg.SkipReason:
    try:
        return UploadTick(context, store, stylizer).evaluate()
    except StoreError as error:
        # A listing that failed is no empty landing zone: nothing is concluded from it, and the cursor stays.
        return dg.SkipReason(f"The store cannot be read now: {error}")
