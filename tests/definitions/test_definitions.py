"""The graph loads, is what the documentation says, and loads fast."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.definitions import build_defs
from dagster_project.settings import Settings

LINEAGE = {
    "source_video": set(),
    "audio_track": {"source_video"},
    "frames": {"source_video"},
    "style_model": set(),
    "clip_settings": {"style_model"},
    "styled_frames": {"frames", "source_video", "clip_settings"},
    "final_video": {"source_video", "audio_track", "styled_frames"},
    "processing_report": {"final_video"},
    "all_clips_report": {"processing_report"},
}


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_defs(Settings(home=Path("/nowhere")))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions):
    return definitions.resolve_asset_graph()


def test_the_definitions_are_loadable(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_lineage_is_exactly_the_product(graph) -> None:
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == LINEAGE


def test_there_are_exactly_these_jobs_and_sensors(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}
    assert jobs == {
        *("load_style_job", "choose_look_job", "read_clip_job", "read_audio_job"),
        *("split_frames_job", "style_segment_job", "deliver_clip_job"),
        *("receive_upload_job", "retire_clip_job", "approve_clip_job", "report_clip_job", "report_all_clips_job"),
        "doctor_job",
    }
    sensors = {sensor.name: sensor.default_status for sensor in repository.sensor_defs}
    assert set(sensors) == {
        "upload_sensor",
        "whole_clip_automation_sensor",
        "per_partition_automation_sensor",
        "dead_run_sensor",
        "failure_alert_sensor",
        "style_upload_sensor",
    }
    assert set(sensors.values()) == {dg.DefaultSensorStatus.RUNNING}


def test_every_asset_has_what_the_catalog_shows(graph) -> None:
    for key in graph.get_all_asset_keys():
        asset = graph.get(key)
        assert asset.description, key
        assert asset.group_name != "default", key
        assert asset.owners, key
        assert asset.kinds, key
        assert asset.code_version, key
        assert asset.partitions_def or key == dg.AssetKey("all_clips_report"), key


def test_what_would_deliver_a_wrong_video_blocks(graph) -> None:
    checks = {key: graph.get(key) for key in graph.asset_check_keys}
    blocking = {key.name for key, check in checks.items() if check.blocking}
    assert blocking == {"frame_count", "timestamps", "audio_identity", "picture", "not_blank", "chapters"}
    assert all(key.asset_key == dg.AssetKey("final_video") for key, check in checks.items() if check.blocking)
    assert all(check.description for check in checks.values())


def test_flicker_blocks_nothing_and_has_a_result_per_segment_and_per_clip(graph) -> None:
    checks = {key.asset_key.to_user_string(): graph.get(key) for key in graph.asset_check_keys if key.name == "flicker"}
    assert set(checks) == {"styled_frames", "final_video"}
    for asset, check in checks.items():
        assert not check.blocking
        assert check.partitions_def == graph.get(dg.AssetKey(asset)).partitions_def


def test_the_code_server_starts_without_torch_av_or_kubernetes() -> None:
    heavy = ("torch", "torchvision", "av", "kubernetes", "azure", "pandas", "skimage", "PIL", "cv2", "matplotlib")
    code = f"import sys, dagster_project.definitions; print([name for name in {heavy!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_the_workspace_names_a_module_that_loads() -> None:
    root = Path(__file__).parents[2]
    command = [Path(sys.executable).with_name("dagster"), "definitions", "validate", "-w", "workspace.yaml"]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_asset_links_to_a_page_that_there_is(definitions: dg.Definitions) -> None:
    linked = build_defs(Settings(home=Path("/nowhere"), docs_url="https://docs.example/stylizer/"))
    graph = linked.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        url = graph.get(key).metadata["documentation"].value
        page = url.removeprefix("https://docs.example/stylizer/")
        assert page != url
        assert (Path(__file__).parents[2] / "docs" / page).is_file(), url
    named = definitions.resolve_asset_graph().get(dg.AssetKey("final_video")).metadata["documentation"]
    assert named == dg.MetadataValue.path("docs/operating.md")
