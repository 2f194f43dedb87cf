"""When steps start by themselves: the conditions, evaluated by Dagster on an instance in memory."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.unused_cells import unused_cells_recorded
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key
from dagster_project.settings import Settings
from stylize.video.source.plan import MAX_SEGMENTS

CLIP = "film"
NUM_USED = 2


class Automation:
    """Records materializations and asks which steps would start."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._definitions = build_defs(Settings(home=Path("/nowhere")))
        self._instance = instance
        self._cursor = None
        self.now = datetime(2030, 1, 1, 12, 1, tzinfo=UTC)  # no quarter of an hour begins while a story is told
        instance.add_dynamic_partitions("clips", [CLIP])

    def report(self, asset: str, *partitions: str) -> None:
        for partition in partitions:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition))

    def tick(self) -> dict[str, set[str]]:
        """What is requested now: partition keys by asset."""
        self.now += timedelta(seconds=10)
        result = dg.evaluate_automation_conditions(
            self._definitions, self._instance, cursor=self._cursor, evaluation_time=self.now
        )
        self._cursor = result.cursor
        return {
            key.to_user_string(): partitions
            for key in self._definitions.resolve_asset_graph().get_all_asset_keys()
            if (partitions := {str(partition) for partition in result.get_requested_partitions(key)})
        }

    def plan(self) -> None:
        """What source_video records."""
        self.report("source_video", CLIP)

    def split(self, look: Callable[[], None] = lambda: None) -> None:
        """What frames records: all its cells in one run; ``look`` is called at every instant between two events."""
        self._around(look, lambda: self.report("frames", *USED, *UNUSED))

    def choose_look(self, look: Callable[[], None] = lambda: None) -> None:
        """What clip_settings records; ``look`` is called at every instant between two events."""
        self._around(look, lambda: self.report("clip_settings", CLIP))

    def _around(self, look: Callable[[], None], record: Callable[[], None]) -> None:
        with unused_cells_recorded(self._instance, {CLIP: range(NUM_USED, MAX_SEGMENTS)}):
            look()
            record()
            look()
        look()

    def retire(self) -> None:
        self._instance.delete_dynamic_partition("clips", CLIP)

    def register(self) -> None:
        self._instance.add_dynamic_partitions("clips", [CLIP])

    def style_all(self) -> None:
        self.report("styled_frames", *USED)


USED = [cell_key(CLIP, segment) for segment in range(NUM_USED)]
UNUSED = [cell_key(CLIP, segment) for segment in range(NUM_USED, MAX_SEGMENTS)]


@pytest.fixture
def automation() -> Iterator[Automation]:
    with dg.DagsterInstance.ephemeral() as instance:
        automation = Automation(instance)
        automation.report("clip_settings", CLIP)
        yield automation


@pytest.fixture
def delivered(automation: Automation) -> Automation:
    automation.plan()
    automation.tick()
    automation.split()
    automation.report("audio_track", CLIP)
    automation.tick()
    automation.style_all()
    automation.tick()
    automation.report("final_video", CLIP)
    assert automation.tick() == {"processing_report": {CLIP}}
    automation.report("processing_report", CLIP)
    assert automation.tick() == {}
    return automation


def test_a_planned_clip_starts_its_split_and_its_sound(automation: Automation) -> None:
    assert automation.tick() == {}
    automation.plan()
    assert automation.tick() == {"frames": {*USED, *UNUSED}, "audio_track": {CLIP}}
    assert automation.tick() == {}


@pytest.mark.parametrize("instant", [0, 1, 2])
@pytest.mark.parametrize("step", ["split", "choose_look"])
def test_cells_that_a_clip_does_not_need_are_never_started_whenever_automation_looks(
    delivered: Automation, step: str, instant: int
) -> None:
    started: set[str] = set()
    instants = itertools.count()

    def look() -> None:
        if next(instants) == instant:
            started.update(delivered.tick().get("styled_frames", set()))

    getattr(delivered, step)(look)
    started.update(delivered.tick().get("styled_frames", set()))
    assert started == set(USED)


@pytest.mark.parametrize("num_recorded", [0, 31, 62])
def test_cells_of_a_new_clip_that_it_does_not_need_are_not_started_while_they_are_being_recorded(
    automation: Automation, num_recorded: int
) -> None:
    automation.plan()
    automation.tick()
    automation.report("styled_frames", *UNUSED)
    automation.report("frames", *USED, *UNUSED)
    automation.report("styled_frames", *UNUSED[:num_recorded])
    assert automation.tick() == {"styled_frames": set(USED)}
    automation.report("styled_frames", *UNUSED[num_recorded:])
    assert automation.tick() == {}


def test_every_split_segment_is_styled_and_the_last_one_starts_the_delivery(automation: Automation) -> None:
    automation.plan()
    automation.tick()
    automation.split()
    automation.report("audio_track", CLIP)
    assert automation.tick() == {"styled_frames": set(USED)}
    automation.report("styled_frames", USED[0])
    assert automation.tick() == {}
    automation.report("styled_frames", USED[1])
    assert automation.tick() == {"final_video": {CLIP}}
    automation.report("final_video", CLIP)
    assert automation.tick() == {"processing_report": {CLIP}}
    assert automation.tick() == {}


def test_another_look_styles_again_splits_nothing_and_delivers_after_the_last_segment(delivered: Automation) -> None:
    delivered.choose_look()
    assert delivered.tick() == {"styled_frames": set(USED)}
    delivered.report("styled_frames", USED[0])
    assert delivered.tick() == {}
    delivered.report("styled_frames", USED[1])
    assert delivered.tick() == {"final_video": {CLIP}}


def test_replaced_content_is_not_delivered_before_all_of_it_is_styled_again(delivered: Automation) -> None:
    delivered.plan()
    assert delivered.tick() == {"frames": {*USED, *UNUSED}, "audio_track": {CLIP}}
    delivered.report("audio_track", CLIP)
    assert delivered.tick() == {}
    delivered.split()
    assert delivered.tick() == {"styled_frames": set(USED)}
    delivered.style_all()
    assert delivered.tick() == {"final_video": {CLIP}}


def test_a_segment_that_is_styled_again_by_hand_is_delivered_again(delivered: Automation) -> None:
    delivered.report("styled_frames", USED[1])
    assert delivered.tick() == {"final_video": {CLIP}}


def test_a_new_version_of_any_style_holds_up_nothing(delivered: Automation) -> None:
    delivered.report("style_model", "starry-night")
    assert delivered.tick() == {}
    delivered.split()
    assert delivered.tick() == {"styled_frames": set(USED)}


def test_a_retired_clip_starts_nothing_until_it_comes_again(delivered: Automation) -> None:
    delivered.report("clip_settings", "another")
    delivered.retire()
    assert delivered.tick() == {}
    delivered.register()
    assert delivered.tick() == {}
    delivered.plan()
    assert delivered.tick() == {"frames": {*USED, *UNUSED}, "audio_track": {CLIP}}
    delivered.report("audio_track", CLIP)
    delivered.split()
    assert delivered.tick() == {"styled_frames": set(USED)}
    delivered.style_all()
    assert delivered.tick() == {"final_video": {CLIP}}


def test_a_clip_that_is_retired_with_work_to_do_starts_nothing(delivered: Automation) -> None:
    delivered.choose_look()
    delivered.retire()
    assert delivered.tick() == {}


def test_clips_that_are_reported_together_start_one_report_on_all_clips_when_a_quarter_is_over(
    delivered: Automation,
) -> None:
    for _ in range(3):
        delivered.report("processing_report", CLIP)
        assert delivered.tick() == {}
    delivered.now += timedelta(minutes=15)
    assert delivered.tick() == {"all_clips_report": {"None"}}
    delivered.now += timedelta(minutes=15)
    assert delivered.tick() == {}, "nothing was reported since"
    delivered.report("processing_report", CLIP)
    delivered.now += timedelta(minutes=15)
    assert delivered.tick() == {"all_clips_report": {"None"}}
