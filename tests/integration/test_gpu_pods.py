"""Where pods with GPUs style, the steps without one choose the GPU, and a pod that has none says what to check."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import torch

from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings, load_settings
from stylize.names import clip_key
from stylize.records.records import ClipSettings
from stylize.store.folder_store import FolderStore
from stylize.store.keys import settings_key
from tests.delivered_homes import copy_home, deliver

Clip = Callable[[str], Path]
NAME = clip_key("one_frame.mp4")


@pytest.fixture(scope="module")
def delivered_home(clip: Clip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("delivered") / "home"
    deliver(clip("one_frame"), home)
    return home


@pytest.fixture
def delivered(delivered_home: Path, home: Path) -> Path:
    """A copy of its own for every test."""
    copy_home(delivered_home, home, NAME)
    return home


def _run(home: Path, job: str, partition: str, **variables: str) -> dg.ExecuteInProcessResult:
    """As the pod of the step does: with the settings of the cluster."""
    environment = {f"STYLIZE_{name}": value for name, value in variables.items()}
    settings = load_settings({"STYLIZE_EXECUTOR": "kubernetes", **environment}).at(home)
    definition = build_defs(settings).resolve_job_def(job)
    with open_instance(settings) as instance:
        return definition.execute_in_process(instance=instance, partition_key=partition, raise_on_error=False)


def _settings(home: Path) -> ClipSettings:
    return ClipSettings.read(FolderStore(Settings(home=home).store_dir), settings_key(NAME))


def test_a_step_without_a_gpu_chooses_the_gpu_for_those_that_have_one(delivered: Path) -> None:
    assert _settings(delivered).device == "cpu"
    assert _run(delivered, "choose_look_job", NAME, PRECISION="fp16").success
    chosen = _settings(delivered)
    assert (chosen.device, chosen.precision, chosen.engine) == ("cuda", "fp16", "torch")


@pytest.mark.parametrize("variables", [{"DEVICE": "cpu"}, {"GPU_PER_STEP": "0"}])
def test_a_cluster_without_gpus_styles_on_its_cpus(delivered: Path, variables: dict[str, str]) -> None:
    assert _run(delivered, "choose_look_job", NAME, **variables).success
    assert _settings(delivered).device == "cpu"
    assert _run(delivered, "style_segment_job", f"{NAME}|000", **variables).success


@pytest.mark.parametrize(
    ("build", "advice"), [(None, "image variant with CUDA"), ("13.0", "the node's device plugin runs")]
)
def test_a_pod_that_should_have_a_gpu_and_has_none_fails_at_once_for_good(
    delivered: Path, monkeypatch: pytest.MonkeyPatch, build: str | None, advice: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", build)
    assert _run(delivered, "choose_look_job", NAME).success
    result = _run(delivered, "style_segment_job", f"{NAME}|000")
    (failure,) = [event.step_failure_data.user_failure_data for event in result.all_events if event.is_step_failure]
    assert advice in failure.description
    assert not [event for event in result.all_events if event.is_step_up_for_retry]
