"""The upload sensor and the jobs of one deployment, driven tick by tick without a daemon."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips
from dagster_project.settings import Settings
from resources.build import build_resources
from sensors.upload_sensor import upload_sensor
from stylize.names import clip_key
from stylize.records.content import find_current_plan
from stylize.records.uploads import UploadVersion
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import MediaStore


class Landing:
    """A deployment whose runs start when the test says so."""

    def __init__(self, home: Path, instance: dg.DagsterInstance, store: MediaStore | None = None) -> None:
        self.settings = Settings(home=home)
        self.instance = instance
        self.store = store or FolderStore(self.settings.store_dir)
        overrides = {"store": dg.ResourceDefinition.hardcoded_resource(self.store)}
        self.definitions = build_defs(self.settings, overrides)
        self.cursor: str | None = None
        self.requested: list[dg.RunRequest] = []

    def put(self, name: str, content: bytes | Path) -> str:
        """Upload as ``name``; returns the ETag."""
        return self.store.put(f"landing/{name}", content).etag

    def wish(self, name: str, **wishes: Any) -> None:
        """Put settings beside the upload ``name``."""
        self.put(f"{name}.json", json.dumps(wishes).encode())

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the sensor as the daemon does; its new requests wait in ``requested``."""
        resources = build_resources(self.settings)
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            resources={"store": self.store, "stylizer": resources["stylizer"]},
        ) as context:
            result = upload_sensor(context)
            assert isinstance(result, dg.SensorResult | dg.SkipReason)
        if isinstance(result, dg.SensorResult):
            self.cursor = result.cursor
            for request in result.dynamic_partitions_requests or []:
                self.instance.add_dynamic_partitions(str(clips.name), list(request.partition_keys))
            self.requested += result.run_requests or []
        return result

    def ticks(self, count: int = 2) -> None:
        """Several ticks: what lies there unchanged is settled at the second."""
        for _ in range(count):
            self.tick()

    def run_requested(self) -> list[dg.ExecuteInProcessResult]:
        """Execute what the sensor requested, each run key once, as the daemon does."""
        results = []
        while self.requested:
            request = self.requested.pop(0)
            tags = {**request.tags, "dagster/run_key": str(request.run_key)}
            if not self.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": str(request.run_key)})):
                results.append(self.run("receive_upload_job", str(request.partition_key), request.run_config, tags))
        return results

    def run(
        self, job: str, partition: str, config: Any = None, tags: dict[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            run_config=config,
            tags=tags or {},
            raise_on_error=False,
        )

    def automate(self, name: str) -> None:
        """What automation does for a clip once it is read."""
        clip = clip_key(name)
        plan = find_current_plan(self.store, clip)
        self.run("read_audio_job", clip)
        for job in ("split_frames_job", "style_segment_job"):
            for segment in plan.segments:
                assert self.run(job, cell_key(clip, segment.index)).success
        assert self.run("deliver_clip_job", clip).success

    def deliver(self, name: str) -> None:
        """From an upload that lies there to its delivery, and until the ledger knows it."""
        self.ticks()
        assert all(result.success for result in self.run_requested())
        self.tick()
        self.automate(name)
        self.tick()

    def versions(self, name: str) -> list[UploadVersion]:
        """The records of all versions of an upload, in the order in which they were seen."""
        infos = [*self.store.list("uploads/open/"), *self.store.list("uploads/closed/")]
        found = [UploadVersion.read(self.store, info.key) for info in infos]
        return sorted((v for v in found if v.landing_key == f"landing/{name}"), key=lambda v: v.seen_at)

    def states(self, name: str) -> list[str]:
        return sorted(version.state for version in self.versions(name))

    def materializations(self, asset: str, partition: str) -> int:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[partition])
        return len(self.instance.fetch_materializations(wanted, limit=100).records)


@contextmanager
def open_landing(home: Path, store: MediaStore | None = None) -> Iterator[Landing]:
    with dg.DagsterInstance.local_temp(str(home / "instance")) as instance:
        yield Landing(home, instance, store)
