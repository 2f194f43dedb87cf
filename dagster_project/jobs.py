"""The jobs: what an operator, or the command line, starts by name.

https://docs.dagster.io/guides/build/jobs/asset-jobs

One job per layer of the graph, because layers are partitioned differently and a run has one set of partition keys.
"""

from typing import Any

import dagster as dg

from assets.all_clips_report import all_clips_report
from assets.audio_track import audio_track
from assets.clip_settings import clip_settings
from assets.final_video import final_video
from assets.frames import frames
from assets.processing_report import processing_report
from assets.source_video import source_video
from assets.style_model import style_model
from assets.styled_frames import styled_frames
from dagster_project.approval import approve_clip_job
from dagster_project.doctor.job import doctor_job
from dagster_project.retirement import retire_clip_job


def _job(name: str, asset: dg.AssetsDefinition, *more: dg.AssetsDefinition, purpose: str, about: str) -> Any:
    """An asset job; ``purpose`` is the tag by which the list of jobs can be searched, ``about`` what the UI shows."""
    return dg.define_asset_job(name, selection=[asset, *more], description=about, tags={"stylize/purpose": purpose})


load_style_job = _job(
    "load_style_job",
    style_model,
    purpose="styles",
    about="Make a style usable: check and register its checkpoint, or look at its picture; refine it if asked.",
)
choose_look_job = _job(
    "choose_look_job",
    clip_settings,
    purpose="operate",
    about="Restyle a clip: choose its partition, and the style and controls in the launchpad. Its segments and its"
    " final video follow by themselves; nothing is split again.",
)
receive_upload_job = _job(
    "receive_upload_job",
    source_video,
    clip_settings,
    purpose="pipeline",
    about="Take up an upload: read it, quote it, and set how it shall look. The upload sensor launches it.",
)
read_clip_job = _job(
    "read_clip_job",
    source_video,
    purpose="repair",
    about="Read an upload again: identity, timestamps, plan, quote. Its other steps follow by themselves.",
)
read_audio_job = _job(
    "read_audio_job", audio_track, purpose="repair", about="Take the digests of a clip's sound again."
)
split_frames_job = _job(
    "split_frames_job",
    frames,
    purpose="repair",
    about="Split a clip again into exact lossless chunks; finished chunks are kept.",
)
style_segment_job = _job(
    "style_segment_job",
    styled_frames,
    purpose="repair",
    about="Redo failed segments: in Partitions, launch a backfill of the failed and missing ones. Finished chunks are"
    " kept, and the final video follows by itself.",
)
deliver_clip_job = _job(
    "deliver_clip_job",
    final_video,
    purpose="operate",
    about="Rebuild the final video of a clip from its styled segments, check it and deliver it.",
)
report_clip_job = _job(
    "report_clip_job", processing_report, purpose="reports", about="Report what a delivered clip took."
)
report_all_clips_job = _job(
    "report_all_clips_job", all_clips_report, purpose="reports", about="Report what all clips took."
)

all_jobs = [
    load_style_job,
    choose_look_job,
    receive_upload_job,
    read_clip_job,
    read_audio_job,
    split_frames_job,
    style_segment_job,
    deliver_clip_job,
    approve_clip_job,
    report_clip_job,
    report_all_clips_job,
    retire_clip_job,
    doctor_job,
]
