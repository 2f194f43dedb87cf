"""The one Definitions object of the project, and the function that builds it.

https://docs.dagster.io/guides/build/projects-and-components
"""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.all_clips_report import all_clips_report
from assets.audio_track import audio_track
from assets.clip_settings import clip_settings
from assets.documentation import documented
from assets.final_video import final_video
from assets.frames import frames
from assets.processing_report import processing_report
from assets.source_video import source_video
from assets.style_model import style_model
from assets.styled_frames import styled_frames
from dagster_project.executors import choose_executor
from dagster_project.jobs import all_jobs
from dagster_project.settings import Settings, load_settings
from dagster_project.step_process import STEP_KEY, end_at_once_outside_of_step_code
from resources.build import build_resources
from sensors.automation_sensors import per_partition_automation_sensor, whole_clip_automation_sensor
from sensors.dead_run_sensor import dead_run_sensor
from sensors.failure_alert_sensor import failure_alert_sensor
from sensors.style_upload_sensor import style_upload_sensor
from sensors.upload_sensor import upload_sensor


def build_defs(settings: Settings, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions of a deployment; ``resource_overrides`` replaces resources by name (terminal progress, tests)."""
    assets = [
        *(source_video, audio_track, frames, style_model, clip_settings, styled_frames, final_video),
        *(processing_report, all_clips_report),
    ]
    return dg.Definitions(
        assets=documented(assets, docs_url=settings.docs_url),
        jobs=all_jobs,
        sensors=[
            upload_sensor,
            style_upload_sensor,
            whole_clip_automation_sensor,
            per_partition_automation_sensor,
            dead_run_sensor,
            failure_alert_sensor,
        ],
        resources={**build_resources(settings), **(resource_overrides or {})},
        executor=choose_executor(settings, assets),
    )


if STEP_KEY in os.environ:
    end_at_once_outside_of_step_code()

defs = build_defs(load_settings())
