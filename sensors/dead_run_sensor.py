"""Ends runs whose process is gone, so that automation does not wait for them for ever."""

import dagster as dg

from resources.local_process import fail_dead_runs

INTERVAL_SECONDS = 30


@dg.sensor(
    minimum_interval_seconds=INTERVAL_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports unfinished runs of this machine as failed when their process no longer exists.",
)
def dead_run_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    dead = fail_dead_runs(context.instance)
    if not dead:
        return dg.SkipReason("Every unfinished run of this machine has a living process.")
    return dg.SkipReason(f"Reported as failed because their process is gone: {', '.join(dead)}.")
