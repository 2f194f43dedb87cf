"""Something in the store is damaged or missing: one partition fails, it says why, and after the repair all is well."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.records.records import digest_of_file
from tests.conftest import Restyle, Stylize

Clip = Callable[[str], Path]


def _damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _materialize(home: Path, job: str, partition: str, ops: dict | None = None) -> bool:
    """What an operator does on the partition page, and the UI's run launcher for them."""
    job_definition = build_defs(Settings(home=home)).resolve_job_def(job)
    with open_instance(Settings(home=home)) as instance:
        result = job_definition.execute_in_process(
            instance=instance, partition_key=partition, run_config={"ops": ops or {}}, raise_on_error=False
        )
    return result.success


pytestmark = pytest.mark.usefixtures("delivered")


@pytest.fixture
def split_clip(clip: Clip, restyle: Restyle, home: Path, delivered: Path) -> dict:
    """A clip of two segments, delivered once, with nothing styled and nothing delivered any more."""
    report = restyle(clip("constant_rate"))
    report["sha256"] = digest_of_file(Path(report["output"]))
    for path in [*(home / "store").glob("work/*/*/styled/**/*"), *(home / "store").glob("delivery/**/*")]:
        if path.is_file():
            path.unlink()
    return report


def test_a_damaged_chunk_fails_its_partition_alone_and_after_its_repair_the_clip_is_delivered(
    split_clip: dict, clip: Clip, stylize: Stylize, restyle: Restyle, home: Path
) -> None:
    _damage(next((home / "store").glob("work/*/*/frames/*/00000.mkv")))
    failed = stylize("video", clip("constant_rate"), "--home", home)
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert len(failed.stderr.splitlines()) == 1
    assert "is damaged: its SHA-256 is" in failed.stderr
    assert f"; materialize frames of clip '{split_clip['clip']}' again" in failed.stderr
    assert not list((home / "store").glob("delivery/**/*.*"))
    styled = [path.name for path in (home / "store").glob("work/*/*/styled/segment-*.json")]
    assert styled == ["segment-001.json"]
    assert not _materialize(home, "deliver_clip_job", split_clip["clip"])

    damaged_cell = f"{split_clip['clip']}|000"
    assert _materialize(home, "split_frames_job", damaged_cell)
    assert _materialize(home, "style_segment_job", damaged_cell)
    repaired = restyle(clip("constant_rate"))
    assert digest_of_file(Path(repaired["output"])) == split_clip["sha256"]


def test_a_damaged_styled_chunk_is_never_delivered_and_is_made_again(
    clip: Clip, stylize: Stylize, restyle: Restyle, home: Path
) -> None:
    first = restyle(clip("constant_rate"))
    digest = digest_of_file(Path(first["output"]))
    for path in (home / "store").glob("delivery/**/*.*"):
        path.unlink()
    _damage(next((home / "store").glob("work/*/*/styled/*/00001.mkv")))
    failed = stylize("video", clip("constant_rate"), "--home", home)
    assert failed.returncode == 2
    assert f"; materialize styled_frames of clip '{first['clip']}' again" in failed.stderr
    assert not list((home / "store").glob("delivery/**/*.*"))
    assert _materialize(home, "style_segment_job", f"{first['clip']}|001")
    assert digest_of_file(Path(restyle(clip("constant_rate"))["output"])) == digest


def test_a_styled_segment_that_disappeared_is_styled_again(clip: Clip, restyle: Restyle, home: Path) -> None:
    first = restyle(clip("constant_rate"))
    for path in [*(home / "store").glob("work/*/*/styled/*/00001.mkv"), *(home / "store").glob("delivery/**/*.*")]:
        path.unlink()
    second = restyle(clip("constant_rate"))
    assert second["segments"] == {"styled": 1, "reused": 1}
    assert json.loads(Path(second["receipt"]).read_text())["checks"]["frame_count"]
    assert second["output"] == first["output"]


def test_lossless_chunks_that_disappeared_are_made_again_only_if_they_are_needed(
    clip: Clip, restyle: Restyle, home: Path, other_style: Path
) -> None:
    first = restyle(clip("constant_rate"))
    chunks = list((home / "store").glob("work/*/*/frames/*/*.mkv"))
    for path in chunks:
        path.unlink()
    assert restyle(clip("constant_rate"))["output"] == first["output"]
    assert not any(path.exists() for path in chunks)
    assert restyle(clip("constant_rate"), "--style", other_style)["segments"] == {"styled": 2, "reused": 0}
    assert all(path.exists() for path in chunks)


def test_a_video_that_fails_a_check_is_not_delivered_and_the_check_says_why(
    clip: Clip, stylize: Stylize, home: Path, blank_style: Path
) -> None:
    before = set((home / "store").glob("delivery/**/*"))
    failed = stylize("video", clip("constant_rate"), "--style", blank_style, "--home", home)
    assert failed.returncode == 2
    assert len(failed.stderr.splitlines()) == 1
    assert "not_blank" in failed.stderr
    assert set((home / "store").glob("delivery/**/*")) == before
    with open_instance(Settings(home=home)) as instance:
        (check,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("final_video"), "not_blank"), limit=1
        )
        assert check.status.value == "FAILED"
        delivered = dg.AssetRecordsFilter(dg.AssetKey("final_video"))
        assert len(instance.fetch_materializations(delivered, limit=2).records) == 1


def test_segments_in_different_looks_are_not_joined(
    clip: Clip, restyle: Restyle, home: Path, other_style: Path
) -> None:
    report = restyle(clip("constant_rate"))
    (home / "store" / "landing" / "styles").mkdir()
    (home / "store" / "landing" / "styles" / "noise.safetensors").write_bytes(other_style.read_bytes())
    assert _materialize(home, "choose_look_job", report["clip"], {"clip_settings": {"config": {"style": "noise"}}})
    assert _materialize(home, "style_segment_job", f"{report['clip']}|001")
    assert not _materialize(home, "deliver_clip_job", report["clip"])
    assert _materialize(home, "style_segment_job", f"{report['clip']}|000")
    assert _materialize(home, "deliver_clip_job", report["clip"])
    deliveries = [path for path in (home / "store" / "delivery" / report["clip"]).iterdir() if path.is_dir()]
    assert len(deliveries) == 2


def test_permanent_faults_are_not_retried(split_clip: dict, clip: Clip, stylize: Stylize, home: Path) -> None:
    _damage(next((home / "store").glob("work/*/*/frames/*/00000.mkv")))
    stylize("video", clip("constant_rate"), "--home", home)
    with open_instance(Settings(home=home)) as instance:
        (run, *_) = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
        events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_RESTARTED)
    assert not events
