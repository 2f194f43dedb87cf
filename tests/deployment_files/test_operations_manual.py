"""What docs/operations.md tells somebody to look at or to type is there."""

import re

import pytest
import yaml

from dagster_project.cli.app import app
from dagster_project.pod_settings import PodSettings
from dagster_project.settings import Settings
from k8s.documents import K8S, ROOT, manifests
from stylize import errors
from tests.deployment_files.test_metrics import EXPORTED, PANELS

MANUAL = (ROOT / "docs" / "operations.md").read_text()
SECTIONS = re.split(r"^## \d+\. ", MANUAL, flags=re.M)[1:]


@pytest.mark.parametrize("section", [pytest.param(text, id=text.split("\n", 1)[0]) for text in SECTIONS])
def test_every_trouble_has_its_signs_its_proof_its_cure_and_its_end(section: str) -> None:
    assert re.findall(r"^- \*\*(\w+)\*\*", section, re.M) == ["Seen", "Sure", "Do", "Over"]


def test_metrics_errors_settings_and_commands_exist() -> None:
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in EXPORTED}
    told = set(re.findall(r"`(stylize_\w+)`", MANUAL))
    assert told == families
    assert not [name for name in re.findall(r"`(\w+Error)`", MANUAL) if not hasattr(errors, name)]
    assert not [name for name in re.findall(r"\bSTYLIZE_([A-Z_]+)\b", MANUAL) if name.lower() not in _settings()]
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"`stylize (\w+)", MANUAL)) <= commands


def _settings() -> set[str]:
    return {*Settings.__dataclass_fields__, *PodSettings.__dataclass_fields__}


def test_panels_and_alerts_are_called_what_they_are_called() -> None:
    titles = {panel["title"] for panel in PANELS}
    quoted = {
        "Start of step pods",
        "Frames painted",
        "Retries by reason",
        "Share of time that was lost",
        "Steps at work",
    }
    quoted |= {"Failures by kind", "Age of these figures", "Unfinished runs", "Longest wait now", "Speed of a segment"}
    quoted |= {"Runs under way", "Video delivered per hour", "Estimated cost per hour of video"}
    assert quoted <= titles
    assert not [title for title in quoted if f'"{title}"' not in MANUAL]
    azure = "".join(path.read_text() for path in (K8S / "azure").glob("*.tf"))
    for alert in re.findall(r'alert "([\w ]+)"', MANUAL):
        assert alert.replace("media", "${each.key}").replace("operations", "${each.key}") in azure


def test_deployments_that_are_named_are_made_by_manifests_or_chart() -> None:
    ours = {item["metadata"]["name"] for item in manifests() if item["kind"] == "Deployment"}
    named = set(re.findall(r"deploy/([\w-]+)", MANUAL))
    assert {name for name in named if not name.startswith("stylizer-")} <= ours
    documented = (K8S / "README.md").read_text() + yaml.safe_dump(list(manifests()))
    assert not [name for name in named - ours if name not in documented and "user-deployments" not in name]


def test_messages_that_are_quoted_are_raised_somewhere() -> None:
    folders = ("stylize", "assets", "resources", "sensors", "dagster_project")
    code = "".join(path.read_text() for folder in folders for path in (ROOT / folder).rglob("*.py"))
    for words in (
        "does not fit into memory, tried down to",
        "the credentials must be valid now and carry the right to",
        "tried again later, it may",
        "the storage cannot be read, the figures stay as they are",
        "is not a video that can be read",
        "is damaged or cut off",
        "Rejected: ",
    ):
        assert words in " ".join(MANUAL.split())
        assert words in re.sub(r'"\s+f?"', "", code), words
