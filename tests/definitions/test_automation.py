"""When steps start by themselves: the conditions, evaluated by Dagster on an instance in memory."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key
from dagster_project.settings import Settings

CLIP = "film"
NUM_USED = 2


class Automation:
    """Records materializations and asks which steps would start."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._definitions = build_defs(Settings(home=Path("/nowhere")))
        self._instance = instance
        self._cursor = None
        instance.add_dynamic_partitions("clips", [CLIP])

    def report(self, asset: str, *partitions: str) -> None:
        for partition in partitions:
            self._instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=partition))

    def tick(self) -> dict[str, set[str]]:
        """What is requested now: partition keys by asset."""
        result = dg.evaluate_automation_conditions(self._definitions, self._instance, cursor=self._cursor)
        self._cursor = result.cursor
        return {
            key.to_user_string(): partitions
            for key in self._definitions.resolve_asset_graph().get_all_asset_keys()
            if (partitions := {str(partition) for partition in result.get_requested_partitions(key)})
        }

    def plan(self) -> None:
        """What source_video records: itself, and then the cells that the clip does not need."""
        self.report("source_video", CLIP)
        self.report("frames", *UNUSED)
        self.report("styled_frames", *UNUSED)

    def choose_look(self) -> None:
        """What clip_settings records: itself, and then the cells that the clip does not need."""
        self.report("clip_settings", CLIP)
        self.report("styled_frames", *UNUSED)

    def style_all(self) -> None:
        self.report("styled_frames", *USED)


USED = [cell_key(CLIP, segment) for segment in range(NUM_USED)]
UNUSED = [cell_key(CLIP, segment) for segment in range(NUM_USED, 64)]


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
    automation.report("frames", *USED)
    automation.report("audio_track", CLIP)
    automation.tick()
    automation.style_all()
    automation.tick()
    automation.report("final_video", CLIP)
    assert automation.tick() == {}
    return automation


def test_a_planned_clip_starts_its_split_and_its_sound_and_no_cell_that_it_does_not_need(
    automation: Automation,
) -> None:
    assert automation.tick() == {}
    automation.plan()
    assert automation.tick() == {"frames": set(USED), "audio_track": {CLIP}}
    assert automation.tick() == {}


def test_every_split_segment_is_styled_and_the_last_one_starts_the_delivery(automation: Automation) -> None:
    automation.plan()
    automation.tick()
    automation.report("frames", *USED)
    automation.report("audio_track", CLIP)
    assert automation.tick() == {"styled_frames": set(USED)}
    automation.report("styled_frames", USED[0])
    assert automation.tick() == {}
    automation.report("styled_frames", USED[1])
    assert automation.tick() == {"final_video": {CLIP}}
    automation.report("final_video", CLIP)
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
    assert delivered.tick() == {"frames": set(USED), "audio_track": {CLIP}}
    delivered.report("audio_track", CLIP)
    assert delivered.tick() == {}
    delivered.report("frames", *USED)
    assert delivered.tick() == {"styled_frames": set(USED)}
    delivered.style_all()
    assert delivered.tick() == {"final_video": {CLIP}}


def test_a_segment_that_is_styled_again_by_hand_is_delivered_again(delivered: Automation) -> None:
    delivered.report("styled_frames", USED[1])
    assert delivered.tick() == {"final_video": {CLIP}}


def test_a_new_version_of_any_style_holds_up_nothing(delivered: Automation) -> None:
    delivered.report("style_model", "starry-night")
    assert delivered.tick() == {}
    delivered.report("frames", *USED)
    assert delivered.tick() == {"styled_frames": set(USED)}
