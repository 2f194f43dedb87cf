"""A deployment, and what the doctor says of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest

from dagster_project.cli.doctor_command import examine_deployment
from dagster_project.cli.home import open_instance, prepare_home
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings
from stylize.names import clip_key
from stylize.store.folder_store import FolderStore

CLIP: Final = clip_key("constant_rate.mp4")
HEALTHY: Final = "nothing is wrong"


@dataclass(frozen=True)
class ExaminedDeployment:
    """A home, what the doctor says of it, and the ways to harm it."""

    settings: Settings
    instance: dg.DagsterInstance
    capture: pytest.CaptureFixture[str]

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.settings.store_dir)

    def look(self, *, fix: bool = False) -> tuple[bool, list[str]]:
        """Whether all is well, and what was said, less what can only be looked at in a cluster."""
        self.capture.readouterr()
        well = examine_deployment(self.settings, fix=fix)
        lines = self.capture.readouterr().out.splitlines()
        return well, [line for line in lines if not line.startswith("not looked at: Kubernetes")]

    def state(self) -> Any:
        """All that a look could change."""
        files = {path: path.stat().st_mtime_ns for path in self.settings.store_dir.rglob("*") if path.is_file()}
        runs = {run.run_id: run.status for run in self.instance.get_runs()}
        return files, runs, list(self.instance.get_dynamic_partitions("clips"))

    def expect_one(self, ailment: str, *words: str) -> None:
        """The look finds this and nothing else, changes nothing, mends it when told to, and then finds nothing."""
        before = self.state()
        well, said = self.look()
        assert not well
        assert [line for line in said if line.startswith(ailment)] == [said[0]], said
        assert [line.split()[0] for line in said[1:4]] == ["what", "why", "--fix"], said
        assert said[4:] == ["found: 1; nothing was changed, `stylize doctor --fix` mends what is safe to mend"]
        for word in words:
            assert word in " ".join(said), said
        assert self.state() == before
        well, said = self.look(fix=True)
        assert well, said
        assert said[-2:] == ["  mended", "found: 1; mended: 1; left: 0"]
        mended = self.state()
        assert self.look(fix=True) == (True, [HEALTHY])
        assert self.state() == mended

    def outdate_final(self) -> None:
        """Style a segment of the delivered clip again, and do not deliver."""
        job = build_defs(self.settings).resolve_job_def("style_segment_job")
        assert job.execute_in_process(instance=self.instance, partition_key=f"{CLIP}|001").success

    def leave_half_an_object(self) -> Path:
        """What a writer leaves that was killed."""
        file = self.settings.store_dir / ".incoming" / "dead.part"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"half an object")
        return file


@contextmanager
def opened(home: Path, capture: pytest.CaptureFixture[str]) -> Iterator[ExaminedDeployment]:
    """The deployment at ``home``, which is made where there is none."""
    settings = Settings(home=home)
    prepare_home(settings)
    with open_instance(settings) as instance:
        yield ExaminedDeployment(settings, instance, capture)
