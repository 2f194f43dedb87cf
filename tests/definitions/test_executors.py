"""One setting chooses where all steps of all runs are executed."""

import os
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.reconstruct import ReconstructableJob, ReconstructableRepository

from assets.gpu_pool import GPU_POOL
from dagster_project.definitions import build_defs
from dagster_project.partitions import styles
from dagster_project.settings import PROJECT_ROOT, ExecutorName, Settings


@pytest.mark.parametrize(
    ("executor", "name"), [("in-process", "in_process"), ("multiprocess", "multiprocess"), ("kubernetes", "k8s")]
)
def test_every_job_has_the_executor_of_the_setting(executor: ExecutorName, name: str) -> None:
    """Among them the one that materializations in the UI, backfills and automation use."""
    jobs = build_defs(Settings(home=Path("/nowhere"), executor=executor)).get_repository_def().get_all_jobs()
    assert "__ASSET_JOB" in {job.name for job in jobs}
    assert {job.executor_def.name for job in jobs} == {name}


def test_who_styles_or_trains_is_in_the_pool_of_gpus_and_nobody_else() -> None:
    graph = build_defs(Settings(home=Path("/nowhere"))).resolve_asset_graph()
    pools = {key.to_user_string(): graph.get(key).pools for key in graph.get_all_asset_keys()}
    assert {asset for asset, pool in pools.items() if pool} == {"styled_frames", "style_model"}
    assert pools["styled_frames"] == pools["style_model"] == {GPU_POOL}


def test_a_step_in_a_process_of_its_own_does_its_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLIZE_HOME", str(home))
    repository = ReconstructableRepository(
        ModuleCodePointer("tests.definitions.multiprocess_definitions", "defs", str(PROJECT_ROOT))
    )
    with dg.DagsterInstance.local_temp(str(home.parent)) as instance:
        instance.add_dynamic_partitions(str(styles.name), ["great-wave"])
        result = dg.execute_job(
            ReconstructableJob(repository, "load_style_job"),
            instance=instance,
            tags={"dagster/partition": "great-wave"},
            raise_on_error=False,
        )
    assert result.success
    (start,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.STEP_START]
    assert start.pid not in (None, os.getpid())
    assert (home / "store" / "models" / "great-wave" / "style.json").is_file()
