"""The jobs: what an operator, or the command line, starts by name.

https://docs.dagster.io/guides/build/jobs/asset-jobs

One job per layer of the graph, because layers are partitioned differently and a run has one set of partition keys.
"""

import dagster as dg

from assets.audio_track import audio_track
from assets.clip_settings import clip_settings
from assets.final_video import final_video
from assets.frames import frames
from assets.source_video import source_video
from assets.style_model import style_model
from assets.styled_frames import styled_frames
from dagster_project.retirement import retire_clip_job

load_style_job = dg.define_asset_job(
    "load_style_job", selection=[style_model], description="Make a style usable: check and register its checkpoint."
)
choose_look_job = dg.define_asset_job(
    "choose_look_job",
    selection=[clip_settings],
    description="Set how a clip shall look: its style, its media container.",
)
receive_upload_job = dg.define_asset_job(
    "receive_upload_job",
    selection=[source_video, clip_settings],
    description="Take up an upload: read it, and set how it shall look. Automation does the rest.",
)
read_clip_job = dg.define_asset_job(
    "read_clip_job", selection=[source_video], description="Read an upload: identity, timestamps, plan."
)
read_audio_job = dg.define_asset_job(
    "read_audio_job", selection=[audio_track], description="Take the digests of a clip's sound."
)
split_frames_job = dg.define_asset_job(
    "split_frames_job", selection=[frames], description="Decode a clip into exact lossless chunks."
)
style_segment_job = dg.define_asset_job(
    "style_segment_job", selection=[styled_frames], description="Style one segment of a clip."
)
deliver_clip_job = dg.define_asset_job(
    "deliver_clip_job", selection=[final_video], description="Join, check and deliver a styled clip."
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
    retire_clip_job,
]
