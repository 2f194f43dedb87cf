"""Versions of the code whose output is stored, one per step. Raise one when the same input would give other bytes.

A raised version makes Dagster show the asset as stale, and makes the step redo stored work instead of reusing it.
"""

from typing import Final

SCAN: Final = "2"  # source_video: manifest and plan
TRACKS: Final = "1"  # audio_track: packet digests
SPLIT: Final = "1"  # frames: lossless chunks
REFINE: Final = "2"  # style_model: what refining makes of a picture
STYLE: Final = "5"  # styled_frames: what the transform makes of pixels
ENCODE: Final = "1"  # styled_frames: how styled pixels become H.264 chunks
REPORT: Final = "1"  # processing_report, all_clips_report: tables and plots
DELIVER: Final = "2"  # final_video: mux and receipt
