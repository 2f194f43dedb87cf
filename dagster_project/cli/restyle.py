"""Take one video file through the asset graph, doing only what is not done yet."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import dagster as dg

from assets.clip_wishes import ClipSettingsConfig
from assets.final_video import find_current_delivery
from assets.frames import find_split_segment
from assets.source_video import find_current_source
from assets.styled_frames import find_styled_segment
from assets.unused_cells import unused_segments
from dagster_project.cli.look_choice import choose_look
from dagster_project.cli.progress_bars import ProgressBars
from dagster_project.cli.runs import LocalRuns
from dagster_project.partitions import cell_key, clips
from resources.stylizer import StylizerResource
from stylize.errors import StoreError, StylizeError
from stylize.names import clip_key
from stylize.records.content import current_content, read_plan
from stylize.records.records import ClipSettings, Delivery, Registration, digest_of_file
from stylize.store.folder_store import FolderStore
from stylize.store.keys import ContentKeys, landing_key, registration_key, settings_key
from stylize.video.source.plan import MAX_SEGMENTS, Segment, SegmentPlan


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was done for a clip, in numbers."""

    delivery: Delivery | None = None
    num_styled_segments: int = 0
    num_reused_segments: int = 0
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time of a stage."""
        started = time.monotonic()
        yield
        self.stage_seconds[stage] = round(time.monotonic() - started, 3)


def upload_name(path: Path) -> str:
    """The name under which a file is uploaded: its own, with what cannot stand in a store's key percent-encoded."""
    name = path.name
    return name if name.isprintable() else quote(name.encode("utf-8", "surrogateescape"), safe=" !#$&'()+,;=@[]{}~")


def upload(store: FolderStore, path: Path) -> str:
    """Put ``path`` into ``landing/`` unless the same content lies there already; returns the key."""
    key = landing_key(upload_name(path))
    present = store.stat(key)
    if present is None or present.size_bytes != path.stat().st_size or store.digest(key) != digest_of_file(path):
        store.put(key, path)
    return key


class ClipRestyler:
    """The stages of one clip, in order. Each is skipped if its result is current and known to the instance."""

    def __init__(
        self,
        runs: LocalRuns,
        instance: dg.DagsterInstance,
        store: FolderStore,
        stylizer: StylizerResource,
        bars: ProgressBars,
    ) -> None:
        """Work on ``store`` by runs on ``instance``."""
        self._runs = runs
        self._instance = instance
        self._store = store
        self._stylizer = stylizer
        self._bars = bars

    def restyle(
        self, path: Path, config: ClipSettingsConfig, *, scratch: Path, frames_per_segment: int | None
    ) -> Outcome:
        """Deliver the video at ``path`` restyled.

        Raises:
            StylizeError: as the step that could not go on says.
        """
        clip = clip_key(upload_name(path))
        outcome = Outcome()
        with outcome.timed("read"):
            self._register(clip, upload(self._store, path))
            choose_look(self._runs, self._instance, self._store, self._stylizer, clip, config, scratch)
            keys, plan = self._read(clip, frames_per_segment)
        todo = self._segments_to_style(clip, keys, plan)
        with outcome.timed("split"):
            self._split(clip, keys, plan, todo)
        with outcome.timed("style"):
            self._style(clip, plan, todo, outcome)
        with outcome.timed("deliver"):
            outcome.delivery = self._deliver(clip, plan.num_frames)
        return outcome

    def _register(self, clip: str, key: str) -> None:
        Registration(landing_key=key).write(self._store, registration_key(clip))
        self._instance.add_dynamic_partitions(str(clips.name), [clip])

    def _read(self, clip: str, frames_per_segment: int | None) -> tuple[ContentKeys, SegmentPlan]:
        self._bars.expect("read", None)
        if find_current_source(self._store, clip) is None or clip not in self._materialized("source_video"):
            config = {"source_video": {"frames_per_segment": frames_per_segment}} if frames_per_segment else None
            self._runs.run("read_clip_job", partition_key=clip, config=config)
        keys = current_content(self._store, clip)
        if self._store.stat(keys.tracks) is None or clip not in self._materialized("audio_track"):
            self._runs.run("read_audio_job", partition_key=clip)
        plan = read_plan(self._store, keys)
        self._bars.finish("read", plan.num_frames)
        return keys, plan

    def _split(self, clip: str, keys: ContentKeys, plan: SegmentPlan, todo: list[Segment]) -> None:
        """Split the clip if a segment that is to be styled lacks a chunk. What is styled needs its source no more."""
        self._bars.expect("split", plan.num_frames)
        # All cells, because the run also records those that the clip does not need.
        cells = [cell_key(clip, segment) for segment in range(MAX_SEGMENTS)]
        split = all(find_split_segment(self._store, keys, segment) for segment in todo)
        recorded = self._materialized("frames").issuperset(cells)
        unneeded = {cell_key(clip, segment) for segment in unused_segments(plan)}
        if not (split and recorded and unneeded <= self._materialized("styled_frames")):
            self._runs.run("split_frames_job", partition_range=(cells[0], cells[-1]))
        self._bars.finish("split", plan.num_frames)

    def _segments_to_style(self, clip: str, keys: ContentKeys, plan: SegmentPlan) -> list[Segment]:
        settings = ClipSettings.read(self._store, settings_key(clip))
        known = self._materialized("styled_frames")
        return [
            segment
            for segment in plan.segments
            if cell_key(clip, segment.index) not in known
            or find_styled_segment(self._store, keys, segment, settings) is None
        ]

    def _style(self, clip: str, plan: SegmentPlan, todo: list[Segment], outcome: Outcome) -> None:
        self._bars.expect("style", sum(segment.num_frames for segment in todo))
        failures: list[StylizeError] = []
        for segment in todo:
            try:
                result = self._runs.run("style_segment_job", partition_key=cell_key(clip, segment.index))
            except StylizeError as error:
                failures.append(error)  # the other segments do not depend on this one
            else:
                outcome.num_styled_segments += _num_styled_frames(result) > 0
        if failures:
            raise failures[0]
        outcome.num_reused_segments = len(plan.segments) - outcome.num_styled_segments
        self._bars.finish("style", plan.num_frames)

    def _deliver(self, clip: str, num_frames: int) -> Delivery:
        self._bars.expect("deliver", num_frames)
        if find_current_delivery(self._store, clip) is None or clip not in self._materialized("final_video"):
            self._runs.run("deliver_clip_job", partition_key=clip)
        self._bars.finish("deliver", num_frames)
        delivery = find_current_delivery(self._store, clip)
        if delivery is None:
            raise StoreError(
                f"the delivery of clip {clip!r} changed while it was being made; run the same command again"
            )
        return delivery

    def _materialized(self, asset: str) -> set[str]:
        return self._instance.get_materialized_partitions(dg.AssetKey(asset))


def _num_styled_frames(result: dg.ExecuteInProcessResult) -> int:
    (event,) = result.asset_materializations_for_node("styled_frames")
    return int(str(event.metadata["styled_frames"].value))
