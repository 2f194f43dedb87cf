"""The frame table of a delivery: one row for every source frame, and where it went."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from stylize.records.records import SegmentRecord
from stylize.video.source.manifest import VideoTrack


def write_frames_table(track: VideoTrack, segments: Sequence[SegmentRecord], path: Path) -> int:
    """Write ``frames.parquet`` and return its number of rows.

    Columns: ``frame`` (index), ``pts`` (ticks of the source's time base), ``duration`` (ticks), ``segment``, ``chunk``,
    ``styled_sha256`` (digest of the styled chunk that holds the frame). The time base stands in the table's attributes.
    """
    chunks = [(segment.segment, chunk) for segment in segments for chunk in segment.chunks]
    sizes = [chunk.stop - chunk.start for _, chunk in chunks]
    pts = pd.Series(track.pts, dtype="int64")
    stops = [*track.pts[1:], track.pts[-1] + track.last_duration]
    table = pd.DataFrame(
        {
            "frame": pd.RangeIndex(track.num_frames),
            "pts": pts,
            "duration": pd.Series(stops, dtype="int64") - pts,
            "segment": pd.Series([segment for segment, _ in chunks], dtype="int32").repeat(sizes).to_numpy(),
            "chunk": pd.Series([chunk.index for _, chunk in chunks], dtype="int32").repeat(sizes).to_numpy(),
            "styled_sha256": pd.Categorical([chunk.sha256 for _, chunk in chunks]).repeat(sizes),
        }
    )
    table.attrs["time_base"] = str(track.time_base)
    table.to_parquet(path, index=False)
    return len(table)
