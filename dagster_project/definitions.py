"""The one Definitions object of the project, and the function that builds it.

https://docs.dagster.io/guides/build/projects-and-components
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from assets.audio_track import audio_track
from assets.clip_settings import clip_settings
from assets.final_video import final_video
from assets.frames import frames
from assets.source_video import source_video
from assets.style_model import style_model
from assets.styled_frames import styled_frames
from dagster_project.jobs import all_jobs
from dagster_project.settings import Settings, load_settings
from resources.clip_lease import ClipLeaseResource
from resources.deployment import DecoderResource, FolderStoreResource, ScratchResource
from resources.progress import LogProgress
from resources.stylizer import StylizerResource
from sensors.automation_sensors import per_partition_automation_sensor, whole_clip_automation_sensor
from sensors.dead_run_sensor import dead_run_sensor


def build_resources(settings: Settings) -> dict[str, Any]:
    """The resources of a deployment with these settings."""
    return {
        "store": FolderStoreResource(root=str(settings.store_dir)),
        "lease": ClipLeaseResource(folder=str(settings.leases_dir)),
        "scratch": ScratchResource(root=str(settings.scratch_dir)),
        "progress": LogProgress(),
        "decoder": DecoderResource(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            stall_seconds=settings.decode_stall_seconds,
            total_seconds=settings.decode_total_seconds,
        ),
        "stylizer": StylizerResource(
            styles_dir=str(settings.styles_dir),
            default_style=settings.default_style,
            device=settings.device,
            precision=settings.precision,
        ),
    }


def build_defs(settings: Settings, resource_overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """The definitions of a deployment; ``resource_overrides`` replaces resources by name (terminal progress, tests)."""
    return dg.Definitions(
        assets=[source_video, audio_track, frames, style_model, clip_settings, styled_frames, final_video],
        jobs=all_jobs,
        sensors=[whole_clip_automation_sensor, per_partition_automation_sensor, dead_run_sensor],
        resources={**build_resources(settings), **(resource_overrides or {})},
        executor=dg.in_process_executor,
    )


defs = build_defs(load_settings())
