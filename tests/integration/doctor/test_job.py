"""The doctor as a job of the UI."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import dagster as dg

from dagster_project.definitions import build_defs
from resources.clip_lease import ClipLease
from stylize.errors import StoreUnavailableError
from stylize.store.folder_store import FolderStore
from stylize.store.media_store import ObjectInfo
from tests.integration.doctor.examined import CLIP, HEALTHY, ExaminedDeployment


class _SilentStore(FolderStore):
    """Real, but does not answer what it holds."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        raise StoreUnavailableError("the storage account does not answer")


def _run_job(deployment: ExaminedDeployment, *, fix: bool, **resources: object) -> None:
    config = {"ops": {"examine_deployment": {"config": {"fix": fix}}}}
    job = build_defs(deployment.settings, resources).resolve_job_def("doctor_job")
    assert job.execute_in_process(config, instance=deployment.instance).success


def _run_job_in_a_process(deployment: ExaminedDeployment, *, fix: bool) -> None:
    """As the UI has it run: with the repository at hand, whose other jobs the doctor may run."""
    home, config = deployment.settings.home, deployment.settings.home / "doctor.yaml"
    config.write_text(f"ops: {{examine_deployment: {{config: {{fix: {str(fix).lower()}}}}}}}")
    command = ["dagster", "job", "execute", "--module-name", "dagster_project.definitions", "--job", "doctor_job"]
    environment = {**os.environ, "STYLIZE_HOME": str(home), "DAGSTER_HOME": str(deployment.settings.dagster_dir)}
    subprocess.run([sys.executable, "-m", *command, "-c", config], env=environment, check=True, timeout=200)


def _shown(deployment: ExaminedDeployment) -> tuple[list[Any], list[Any]]:
    """What the latest run of the job shows: how much was found, mended and left, and the rows of its table."""
    (run,) = deployment.instance.get_runs(dg.RunsFilter(job_name="doctor_job"), limit=1)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    events = deployment.instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT)
    (output,) = [record.event_log_entry.get_dagster_event().step_output_data for record in events.records]
    table = output.metadata["findings"]
    assert isinstance(table, dg.TableMetadataValue)
    counts = [output.metadata[name].value for name in ("found", "mended", "left")]
    return counts, [record.data for record in table.records]


def test_an_operator_in_the_ui_has_a_job_that_looks_and_with_fix_mends(delivered: ExaminedDeployment) -> None:
    delivered.outdate_final()
    orphan = delivered.leave_half_an_object()
    _run_job(delivered, fix=False)
    counts, (delivery, file) = _shown(delivered)
    assert counts == [2, 0, 2]
    assert delivery["finding"] == f"final older than a segment: clip {CLIP}"
    assert f"is older than its segment {CLIP}|001" in delivery["explanation"]
    assert delivery["outcome"].startswith("fix: true would run deliver_clip_job for it")
    assert file["finding"] == f"orphaned temporary object: {orphan}"
    assert orphan.exists()
    _run_job_in_a_process(delivered, fix=True)
    counts, findings = _shown(delivered)
    assert (counts, [finding["outcome"] for finding in findings]) == ([2, 2, 0], ["mended", "mended"])
    assert not orphan.exists()
    assert delivered.look() == (True, [HEALTHY])


def test_the_job_of_the_ui_says_what_a_person_has_to_do(empty: ExaminedDeployment) -> None:
    _run_job(empty, fix=True, store=_SilentStore(empty.settings.store_dir))
    (found, mended, left), findings = _shown(empty)
    assert found == left == len(findings) > 0
    assert mended == 0
    assert "not examined: intermediates" in {finding["finding"] for finding in findings}
    for finding in findings:
        assert finding["explanation"].startswith("the storage account does not answer; ")
        assert finding["outcome"] == "to do: mend that first, and look again"


def test_the_job_of_the_ui_says_why_it_left_something(empty: ExaminedDeployment) -> None:
    empty.instance.add_dynamic_partitions("clips", ["ghost"])
    with ClipLease(empty.settings.leases_dir).shared("ghost"):
        _run_job(empty, fix=True)
    counts, (finding,) = _shown(empty)
    assert counts == [1, 0, 1]
    assert finding["outcome"] == "left: clip 'ghost' is being worked on; look again when that is done"
