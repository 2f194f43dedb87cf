"""A delivered clip can be retired; one that is still needed cannot."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.retirement import find_clips_delivered_before, retire
from dagster_project.settings import Settings
from resources.clip_lease import ClipLease
from stylize.errors import RetirementError
from stylize.records.records import digest_of_file
from stylize.store.folder_store import FolderStore
from tests.conftest import Restyle, Stylize
from tests.delivered_homes import copy_home, deliver

Clip = Callable[[str], Path]
NAME = "film"


@dataclass(frozen=True)
class Delivered:
    """A home in which one clip was delivered."""

    home: Path
    instance: dg.DagsterInstance

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.home / "store")

    @property
    def lease(self) -> ClipLease:
        return ClipLease(Settings(home=self.home).leases_dir)

    def keys(self, prefix: str = "") -> set[str]:
        return {info.key for area in ("clips", "delivery", "landing", "models", "work") for info in
                self.store.list(f"{area}/") if info.key.startswith(prefix)}  # fmt: skip

    def retire(self, **options: bool) -> None:
        retire(self.store, self.instance, self.lease, NAME, **options)

    def clips(self) -> list[str]:
        return list(self.instance.get_dynamic_partitions("clips"))


@pytest.fixture(scope="module")
def delivered_home(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivered")
    source = folder / f"{NAME}.mp4"
    shutil.copy(clip("constant_rate"), source)
    deliver(source, folder / "home")
    return folder / "home"


@pytest.fixture
def delivered(delivered_home: Path, home: Path) -> Iterator[Delivered]:
    """A copy of its own for every test."""
    copy_home(delivered_home, home, NAME)
    with open_instance(Settings(home=home)) as instance:
        yield Delivered(home, instance)


@pytest.fixture
def source(clip: Clip, tmp_path: Path) -> Path:
    """What the customer has."""
    return Path(shutil.copy(clip("constant_rate"), tmp_path / f"{NAME}.mp4"))


def test_it_loses_what_can_be_made_again_and_its_key_and_nothing_else(delivered: Delivered, stylize: Stylize) -> None:
    before = delivered.keys()
    plan = stylize("retire", NAME, "--dry-run", "--home", delivered.home)
    assert plan.returncode == 0, plan.stderr
    assert plan.stdout.startswith(f"would retire {NAME}: ")
    kinds = [line.split(":")[0].rpartition("/")[2] for line in plan.stdout.splitlines()[1:]]
    assert kinds == ["frames", "original", "previews", "styled"]
    assert (delivered.keys(), delivered.clips()) == (before, [NAME])
    result = stylize("retire", f"{NAME}.mp4", "--home", delivered.home)
    assert result.stdout == plan.stdout.replace("would retire", "retired")
    assert delivered.keys() == {key for key in before if not key.startswith("work/")}
    assert {"manifest.json", "plan.json", "source.json"} <= {Path(key).name for key in delivered.keys("clips/")}
    assert {"receipt.json", "latest.json"} <= {Path(key).name for key in delivered.keys("delivery/")}
    assert delivered.clips() == []
    again = stylize("retire", NAME, "--home", delivered.home)
    assert (again.returncode, again.stdout) == (0, f"retired {NAME}: 0 objects, 0 bytes\n")


def test_uploaded_again_it_is_processed_as_new(
    delivered: Delivered, source: Path, restyle: Restyle, other_style: Path
) -> None:
    latest = json.loads(delivered.store.read_bytes(f"delivery/{NAME}/latest.json"))
    delivered.retire()
    same = restyle(source)
    assert same["segments"] == {"styled": 2, "reused": 0}
    assert digest_of_file(Path(same["output"])) == latest["video_sha256"]
    assert delivered.clips() == [NAME]
    delivered.retire()
    other = restyle(source, "--style", other_style)
    assert other["segments"] == {"styled": 2, "reused": 0}
    assert digest_of_file(Path(other["output"])) != latest["video_sha256"]


def test_killed_midway_it_can_be_retired_again_or_restyled(
    delivered: Delivered, source: Path, restyle: Restyle, other_style: Path
) -> None:
    class Killed(FolderStore):
        def delete(self, key: str) -> None:
            if len(delivered.keys("work/")) < 6:
                raise KeyboardInterrupt
            super().delete(key)

    with pytest.raises(KeyboardInterrupt):
        retire(Killed(delivered.home / "store"), delivered.instance, delivered.lease, NAME)
    assert len(delivered.keys("work/")) == 5
    assert delivered.clips() == [NAME]
    assert restyle(source, "--style", other_style)["segments"]["styled"] == 2
    delivered.retire()
    assert delivered.keys("work/") == set()
    assert delivered.clips() == []


def _unfinished_run(delivered: Delivered, tags: dict[str, str]) -> None:
    job = build_defs(Settings(home=delivered.home)).resolve_job_def("style_segment_job")
    delivered.instance.create_run_for_job(job, tags=tags)


def _lose_settings(delivered: Delivered) -> None:
    look = json.loads(delivered.store.read_bytes(f"clips/{NAME}/settings.json"))
    delivered.store.put(f"clips/{NAME}/settings.json", json.dumps(look | {"media_container": "mov"}).encode())


def _truncate_video(delivered: Delivered) -> None:
    (video,) = (delivered.home / "store").glob("delivery/*/*/*.mp4")
    video.write_bytes(video.read_bytes()[:-1])


def _damage_receipt(delivered: Delivered) -> None:
    (receipt,) = (delivered.home / "store").glob("delivery/*/*/receipt.json")
    receipt.write_text(receipt.read_text() + " ")


REFUSALS: dict[str, tuple[Callable[[Delivered], object], str]] = {
    "another look is wished": (_lose_settings, "is not delivered as it shall look now"),
    "never delivered": (lambda it: it.store.delete(f"delivery/{NAME}/latest.json"), "is not delivered"),
    "uploaded anew": (lambda it: it.store.put(f"landing/{NAME}.mp4", b"new"), "was uploaded anew"),
    "truncated": (_truncate_video, "its receipt says"),
    "damaged": (_damage_receipt, "is damaged"),
    "a cell shall be styled": (
        lambda it: _unfinished_run(it, {"dagster/partition": f"{NAME}|001"}),
        "is being worked on by run",
    ),
    "all cells shall be split": (
        lambda it: _unfinished_run(
            it,
            {
                "dagster/asset_partition_range_start": f"{NAME}|000",
                "dagster/asset_partition_range_end": f"{NAME}|001",
            },
        ),
        "is being worked on by run",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_still_needed_is_refused_and_left_as_it_is(case: str, delivered: Delivered) -> None:
    spoil, reason = REFUSALS[case]
    spoil(delivered)
    before = delivered.keys()
    with pytest.raises(RetirementError, match=reason):
        delivered.retire()
    assert (delivered.keys(), delivered.clips()) == (before, [NAME])


def test_a_run_of_another_clip_is_no_obstacle(delivered: Delivered) -> None:
    _unfinished_run(delivered, {"dagster/partition": "filmstrip|000"})
    delivered.retire()
    assert delivered.clips() == []


def test_a_clip_that_another_process_works_on_is_refused(delivered: Delivered, stylize: Stylize) -> None:
    with delivered.lease.shared(NAME):
        result = stylize("retire", NAME, "--home", delivered.home)
    assert result.returncode == 2
    assert result.stderr == f"stylize: clip '{NAME}' is being worked on by another process; wait for its end\n"


def test_an_unknown_clip_is_refused_with_those_that_there_are(delivered: Delivered, stylize: Stylize) -> None:
    result = stylize("retire", "flim", "--home", delivered.home)
    assert (result.returncode, result.stderr) == (2, f"stylize: unknown clip 'flim': expected {NAME}\n")


@pytest.mark.parametrize("arguments", [(), (NAME, "--older-than", "3")])
def test_either_a_clip_or_an_age_is_expected(arguments: tuple[str, ...], stylize: Stylize, home: Path) -> None:
    result = stylize("retire", *arguments, "--home", home)
    assert (result.returncode, result.stderr) == (2, "stylize: expected either a clip or --older-than DAYS\n")


def test_all_clips_of_an_age_are_retired_and_the_others_are_named(delivered: Delivered, stylize: Stylize) -> None:
    assert list(find_clips_delivered_before(delivered.instance, days=30)) == []
    in_a_month = time.time() + 31 * 86_400
    assert list(find_clips_delivered_before(delivered.instance, days=30, now=in_a_month)) == [NAME]
    young = stylize("retire", "--older-than", "1", "--home", delivered.home)
    assert young.stdout == "retired: 0 clips, 0 bytes\n"
    with ExitStack() as stack:
        stack.enter_context(delivered.lease.shared(NAME))
        busy = stylize("retire", "--older-than", "0", "--home", delivered.home)
    assert busy.returncode == 0
    assert busy.stdout.splitlines() == [
        f"kept {NAME}: clip '{NAME}' is being worked on by another process; wait for its end",
        "retired: 0 clips, 0 bytes",
    ]
    old = stylize("retire", "--older-than", "0", "--home", delivered.home)
    assert old.stdout.splitlines()[-1].startswith("retired: 1 clips, ")
    assert delivered.clips() == []


def test_the_job_does_the_same_from_the_ui(delivered: Delivered) -> None:
    job = build_defs(Settings(home=delivered.home)).resolve_job_def("retire_clip_job")

    def run(**config: object) -> dg.ExecuteInProcessResult:
        ops = {"retire_clip": {"config": config}}
        return job.execute_in_process(instance=delivered.instance, run_config={"ops": ops}, raise_on_error=False)

    before = delivered.keys()
    assert run(clip=NAME, dry_run=True).success
    assert (delivered.keys(), delivered.clips()) == (before, [NAME])
    assert run(clip=NAME).success
    assert (delivered.keys("work/"), delivered.clips()) == (set(), [])
    refused = run(clip="flim")
    (failure,) = [event.step_failure_data for event in refused.all_events if event.is_step_failure]
    assert failure.user_failure_data.description.startswith("unknown clip 'flim'")
