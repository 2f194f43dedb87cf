"""The two sensors that evaluate the automation conditions of the assets.

A sensor that emits backfills honours single-run policies (all segments of a clip are split in one decode) but takes
longer; one that does not launches one run per partition, which is what the styled segments want.
"""

import dagster as dg

from assets.all_clips_report import all_clips_report
from assets.audio_track import audio_track
from assets.final_video import final_video
from assets.frames import frames
from assets.processing_report import processing_report
from assets.styled_frames import styled_frames

INTERVAL_SECONDS = 10

whole_clip_automation_sensor = dg.AutomationConditionSensorDefinition(
    "whole_clip_automation_sensor",
    target=dg.AssetSelection.assets(frames),
    emit_backfills=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=INTERVAL_SECONDS,
    description="Splits every newly read clip, all its segments in one run.",
)

per_partition_automation_sensor = dg.AutomationConditionSensorDefinition(
    "per_partition_automation_sensor",
    target=dg.AssetSelection.assets(audio_track, styled_frames, final_video, processing_report, all_clips_report),
    emit_backfills=False,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=INTERVAL_SECONDS,
    description="Reads the sound, styles every segment in a run of its own, delivers after the last one, and reports.",
)
