"""What steps print lies in the operations account, put there and read back by Dagster's own log manager.

The instance is configured by the very block of ``docs/compute-logs.md``.
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from azurite.server import OPERATIONS_ACCOUNT, AzuriteError
from dagster_project.cli.home import INSTANCE_SETTINGS
from tests.azure_names import AzureNames, azure_names

ROOT = Path(__file__).parents[2]
CONTAINER = "compute-logs"

RunProgram = Callable[..., dict[str, Any]]


def documented_settings() -> str:
    """The block of ``dagster.yaml`` that the documentation gives."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / "docs" / "compute-logs.md").read_text(), re.M | re.S)
    return block


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureNames]:
    try:
        with azure_names(tmp_path_factory.mktemp("names")) as names:
            names.operations().create_container(CONTAINER)
            yield names
    except AzuriteError as error:
        pytest.skip(f"Azurite does not run here: {error}")


@pytest.fixture
def run_program(names: AzureNames, tmp_path: Path) -> RunProgram:
    """Runs ``tests.logged_runs``."""
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    home = {"DAGSTER_HOME": str(dagster_home), "STYLIZE_HOME": str(tmp_path / "home")}

    def run(*arguments: str, settings: str = documented_settings()) -> dict[str, Any]:
        (dagster_home / "dagster.yaml").write_text(INSTANCE_SETTINGS + settings)
        program = subprocess.run(
            [sys.executable, "-m", "tests.logged_runs", *arguments],
            cwd=ROOT,
            env={**names.environment, **home},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert program.returncode == 0, program.stderr
        return json.loads(program.stdout.splitlines()[-1])

    return run


def _blobs(names: AzureNames, run_id: str) -> dict[str, str]:
    container = names.operations().get_container_client(CONTAINER)
    found = container.list_blob_names(name_starts_with=f"stylize/storage/{run_id}/compute_logs/")
    return {name: container.download_blob(name).readall().decode() for name in found}


def test_what_a_step_prints_lies_in_the_account_and_the_ui_can_read_it(
    names: AzureNames, run_program: RunProgram
) -> None:
    run = run_program("style", "read")
    assert run["success"]
    blobs = _blobs(names, run["run_id"])
    assert {Path(name).suffix for name in blobs} == {".out", ".err"}
    (out,) = (text for name, text in blobs.items() if name.endswith(".out"))
    (err,) = (text for name, text in blobs.items() if name.endswith(".err"))
    assert out == "said on standard output\n"
    assert "said on standard error" in err
    assert "STEP_SUCCESS" in err
    (log,) = run["logs"]
    assert (log["out"], log["err"]) == (out, err)
    assert log["location"].startswith(f"https://stylizeoperations.blob.core.windows.net/{CONTAINER}/stylize/storage/")
    assert run["problems"] == []
    link = parse_qs(urlsplit(log["link"]).query)
    assert (link["sp"], link["sr"]) == (["r"], ["b"])
    assert "skoid" in link  # signed for an identity; Azurite 3.35 cannot check the form that this SDK signs


def test_with_an_account_key_the_ui_offers_links_that_work(names: AzureNames, run_program: RunProgram) -> None:
    key = f"access_key_or_sas_token: {names.azurite.keys[OPERATIONS_ACCOUNT]}"
    settings = re.sub(r"default_azure_credential: .*", key, documented_settings())
    assert key in settings
    run = run_program("style", "read", "fetch", settings=settings)
    (log,) = run["logs"]
    assert run["fetched"] == log["out"] == "said on standard output\n"


def test_every_attempt_of_a_step_has_logs_of_its_own(names: AzureNames, run_program: RunProgram) -> None:
    run = run_program("retry", "read")
    assert run["success"]
    said = [text for name, text in sorted(_blobs(names, run["run_id"]).items()) if name.endswith(".out")]
    assert sorted(filter(None, said)) == ["attempt 0\n", "attempt 1\n"]
    assert run["problems"] == []
    assert sorted(filter(None, (log["out"] for log in run["logs"]))) == ["attempt 0\n", "attempt 1\n"]


def test_a_run_succeeds_though_its_logs_cannot_be_kept(names: AzureNames, run_program: RunProgram) -> None:
    container = names.operations().get_container_client(CONTAINER)
    container.delete_container()
    try:
        run = run_program("style")
    finally:
        container.create_container()
    assert run["success"]
    assert _blobs(names, run["run_id"]) == {}
