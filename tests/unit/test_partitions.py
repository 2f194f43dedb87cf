import dagster as dg
import pytest

from dagster_project.partitions import cell_key, grid, parse_cell, segments_by_clip
from stylize.names import clip_key


def test_a_plain_mp4_name_is_its_own_key() -> None:
    assert clip_key("holiday-2024.mp4") == "holiday-2024"


@pytest.mark.parametrize(
    "name", ["Holiday.mp4", "a b.mp4", "demo.mov", "x|y,[z].mp4", "日本語.mp4", "a/b.mp4", "\udcff.mp4"]
)
def test_any_other_name_becomes_a_safe_slug_with_a_hash(name: str) -> None:
    key = clip_key(name)
    assert set(key) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert key != clip_key("holiday.mp4")
    assert len(key) <= 69


def test_different_names_never_share_a_key() -> None:
    names = ["a.mp4", "A.mp4", "a.mov", "a .mp4", "a_.mp4", "a/.mp4", "-a.mp4", "日.mp4", "本.mp4", "a" * 100 + ".mp4"]
    assert len({clip_key(name) for name in names}) == len(names)


def test_cells_are_parsed_from_plain_strings_as_runs_hand_them() -> None:
    key = cell_key("my-clip", 7)
    assert key == "my-clip|007"
    assert parse_cell(str(key)) == ("my-clip", 7)
    assert segments_by_clip(["b|001", "a|000", "b|000"]) == {"b": [0, 1], "a": [0]}


def test_a_clip_has_64_segments_in_the_grid() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("clips", ["one", "two"])
        assert len(grid.get_partition_keys(dynamic_partitions_store=instance)) == 128
