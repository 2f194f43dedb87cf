"""The figures of one delivered clip, as tables: per frame, per segment, per try, and in all.

"GPU seconds" are the seconds that steps ran on a machine with a GPU, whether the GPU was busy or not: that is what is
paid for. They include tries that failed, and do not include what stood by: nodes that were starting, or idle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from stylize.pictures.tries import Try, tries_table
from stylize.prices import Prices

if TYPE_CHECKING:
    import pandas as pd

STAGES: Final = ("read_seconds", "paint_seconds", "encode_seconds", "publish_seconds")
GPU_STEP: Final = "styled_frames"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a report is made from.

    Attributes:
        clip: its name.
        receipt: of the delivery, as :class:`stylize.records.receipt.Receipt` stores it.
        frames: the delivery's table of frames.
        times: a row per frame that was measured, as :mod:`stylize.video.measure.frame_times` describes it.
        segment_bytes: stored size of every segment, by its index.
        storage: per segment, what its step exchanged with the store: requests, sent_bytes, received_bytes.
        tries: of all steps.
        prices: of the deployment.
    """

    clip: str
    receipt: Mapping[str, Any]
    frames: "pd.DataFrame"
    times: "pd.DataFrame"
    segment_bytes: Mapping[int, int]
    storage: Mapping[int, Mapping[str, int]]
    tries: Sequence[Try]
    prices: Prices

    @property
    def on_gpu(self) -> bool:
        """Whether the frames were painted on a GPU."""
        return self.receipt["settings"]["device"] == "cuda"


def frames_table(facts: Facts) -> "pd.DataFrame":
    """A row per frame of the clip: where it lies, when it is shown, how long each stage took.

    Frames that were styled by a process which was killed, or before times were recorded, have no times.
    """
    table: Any = facts.frames[["frame", "segment", "chunk", "pts"]].copy()
    start = int(table["pts"].iloc[0])
    time_base = Fraction(str(facts.receipt["source"]["time_base"]))
    table["shown_seconds"] = ((table["pts"] - start) * time_base.numerator / time_base.denominator).round(6)
    if facts.times.empty:
        return table.assign(**dict.fromkeys((*STAGES, "finished_seconds", "flicker"), float("nan")))
    return table.merge(facts.times, on="frame", how="left", validate="one_to_one")


def segments_table(facts: Facts, frames: "pd.DataFrame") -> "pd.DataFrame":
    """A row per segment: sizes, seconds per stage, tries, waiting, what it cost.

    ``frames_per_second`` is that of the frames with times: how many, by the time at which the last was finished.
    """
    import pandas as pd

    groups: Any = frames.groupby("segment")
    table = groups.agg(frames=("frame", "size"), first_frame=("frame", "min"), chunks=("chunk", "nunique"))
    table["size_bytes"] = pd.Series(facts.segment_bytes)
    table = table.join(groups[list(STAGES)].sum(min_count=1).astype(float))
    table["measured_frames"] = groups["finished_seconds"].count()
    table["frames_per_second"] = table["measured_frames"] / groups["finished_seconds"].max()
    table["flicker"] = groups["flicker"].max()
    table = table.join(_work_per_segment(facts)).fillna({"tries": 0, "waiting_seconds": 0.0, "running_seconds": 0.0})
    table["retries"] = (table["tries"] - 1).clip(lower=0)
    table["gpu_seconds"] = table["running_seconds"] if facts.on_gpu else 0.0
    for name in ("requests", "sent_bytes", "received_bytes"):
        table[f"storage_{name}"] = [facts.storage.get(int(segment), {}).get(name, 0) for segment in table.index]
    return table.astype({"tries": "int32", "retries": "int32"}).reset_index()


def _work_per_segment(facts: Facts) -> "pd.DataFrame":
    """Tries of the styling step, and how long they waited and ran, by segment."""
    tries: Any = tries_table(facts.tries)
    styled = tries[(tries["asset"] == GPU_STEP) & tries["segment"].notna()]
    return styled.groupby(styled["segment"].astype("int64")).agg(
        tries=("number", "size"),
        waiting_seconds=("waiting_seconds", "sum"),
        running_seconds=("running_seconds", "sum"),
    )


def totals(facts: Facts, frames: "pd.DataFrame") -> dict[str, Any]:
    """The clip in one row: JSON values, by the names that the UI shows."""
    receipt = facts.receipt
    gpu_seconds = sum(one.running_seconds for one in facts.tries if facts.on_gpu and one.asset == GPU_STEP)
    running_seconds = sum(one.running_seconds for one in facts.tries)
    began = min((one.enqueued for one in facts.tries), default=0.0)
    ended = max((one.ended for one in facts.tries), default=0.0)
    cost = facts.prices.cost(gpu_seconds=gpu_seconds, cpu_seconds=running_seconds - gpu_seconds)
    paint_seconds: Any = frames["paint_seconds"]
    return {
        "clip": facts.clip,
        "style": receipt["settings"]["style"],
        "device": receipt["settings"]["device"],
        "frames": receipt["counts"]["frames"],
        "segments": receipt["counts"]["segments"],
        "chunks": receipt["counts"]["chunks"],
        "duration_seconds": float(Fraction(receipt["delivered"]["duration_seconds"])),
        "elapsed_seconds": round(ended - began, 3),
        "waiting_seconds": round(sum(one.waiting_seconds for one in facts.tries), 3),
        "running_seconds": round(running_seconds, 3),
        "gpu_seconds": round(gpu_seconds, 3),
        "cpu_seconds": round(running_seconds - gpu_seconds, 3),
        "retries": _num_retries(facts.tries),
        "measured_frames": int(paint_seconds.count()),
        "paint_seconds_per_frame": round(float(paint_seconds.mean()), 6) if paint_seconds.count() else None,
        "source_bytes": receipt["source"]["size_bytes"],
        "delivered_bytes": receipt["delivered"]["size_bytes"],
        "stored_bytes": sum(receipt["storage"]["stored_bytes"].values()),
        "storage_requests": receipt["storage"]["requests"],
        "storage_sent_bytes": receipt["storage"]["sent_bytes"],
        "storage_received_bytes": receipt["storage"]["received_bytes"],
        "estimated_cost": round(cost, 6) if facts.prices.known else None,
        "currency": facts.prices.currency,
    }


def _num_retries(tries: Sequence[Try]) -> int:
    """Tries that failed: each made another necessary, in the same run or in a later one."""
    return sum(not one.succeeded for one in tries)
