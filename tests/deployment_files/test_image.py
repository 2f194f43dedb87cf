"""The image holds what the constraints pin, runs as nobody, and starts what the chart starts."""

import json
import re
import tomllib

import yaml
from dagster._cli.api import api_cli

from dagster_project.settings import Settings
from k8s import chart
from k8s.documents import K8S, ROOT, values

DOCKERFILE = (K8S / "Dockerfile").read_text()
# Without comments, and with continued lines joined.
INSTRUCTIONS = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", DOCKERFILE, flags=re.M)).splitlines()
BUILD, RUNTIME = (part for part in "\n".join(INSTRUCTIONS).split("FROM base AS ")[1:])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def _arguments(instruction: str, text: str = RUNTIME) -> list[str]:
    return re.findall(rf"^{instruction} (.+)$", text, re.M)


def test_all_that_is_installed_is_constrained_and_comes_as_wheels() -> None:
    (install,) = re.findall(r"pip install (.*?)&&", BUILD)
    assert "--constraint constraints.txt" in install
    assert "--only-binary :all:" in install
    assert "'.[kubernetes]'" in install


def test_the_constraints_hold_every_exact_pin_of_the_project() -> None:
    constraints = (ROOT / "constraints.txt").read_text().splitlines()
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["kubernetes"]]
    pins = [re.sub(r"\[.*?\]", "", requirement) for requirement in wanted if "==" in requirement]
    assert "dagster-postgres==0.29.27" in pins
    assert not set(pins) - set(constraints)


def test_the_base_image_is_pinned_and_the_only_one() -> None:
    assert re.findall(r"^FROM (\S+)", "\n".join(INSTRUCTIONS), re.M)[1:] == ["base", "base"]
    assert re.search(r"^FROM debian:\d+\.\d+-slim(@sha256:[0-9a-f]{64})? AS base$", DOCKERFILE, re.M)


def test_no_tool_that_builds_or_installs_is_in_the_image() -> None:
    assert "pip uninstall --yes pip" in BUILD
    assert not re.search(r"gcc|g\+\+|build-essential|python3-venv|python3-dev|curl|wget|git\b", RUNTIME)


def test_the_image_s_user_is_the_one_that_kubernetes_is_told() -> None:
    user, group = _arguments("USER")[-1].split(":")
    security = chart.code_location(values())["podSecurityContext"]
    assert (int(user), int(group)) == (security["runAsUser"], security["runAsGroup"])
    assert int(user) > 10000


def test_the_image_starts_the_code_server_that_the_chart_starts() -> None:
    (command,) = [json.loads(text) for text in _arguments("CMD") if text.startswith('["dagster", "api", "grpc",')]
    location = chart.code_location(values())
    assert command[-4:] == location["dagsterApiGrpcArgs"]
    assert str(location["port"]) in command
    assert "grpc-health-check" in DOCKERFILE
    assert not _arguments("ENTRYPOINT"), "the chart and dagster-k8s give whole command lines"


def test_dagster_knows_every_option_of_the_commands_that_the_image_starts() -> None:
    starts = [json.loads(text) for text in re.findall(r"CMD (\[.+?\])", RUNTIME)]
    assert [command[:3] for command in starts] == [
        ["dagster", "api", "grpc-health-check"],
        ["dagster", "api", "grpc"],
    ]
    for _, _, name, *options in starts:
        command = api_cli.commands[name]
        assert command.make_context(name, options)  # raises on an option that it does not know


def test_the_settings_in_the_image_exist_and_agree_with_the_chart() -> None:
    environment = dict(re.findall(r"(\w+)=(\S+)", " ".join(_arguments("ENV"))))
    fields = Settings.__dataclass_fields__
    for variable in environment:
        assert not variable.startswith("STYLIZE_") or variable.removeprefix("STYLIZE_").lower() in fields
    assert environment["STYLIZE_HOME"] == chart.code_location(values())["env"]["STYLIZE_HOME"]
    assert environment["DAGSTER_HOME"] == values()["global"]["dagsterHome"]
    assert "NVIDIA_VISIBLE_DEVICES" not in environment, "it would hand GPUs to pods that asked for none"


def test_what_is_copied_may_travel_to_the_builder_and_is_the_whole_project() -> None:
    ignore = (K8S / "Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    sources = {
        source.rstrip("/")
        for text in _arguments("COPY", DOCKERFILE)
        if "--from" not in text
        for source in text.split()[:-1]
    }
    assert sources == allowed
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages <= sources


def test_every_unmet_policy_has_its_reason() -> None:
    text = (K8S / "checkov.yaml").read_text()
    blocks = re.findall(r"((?:^  #.*\n)*)((?:^  - CKV\w+\n)+)", text, re.M)
    explained = [check for reason, checks in blocks if reason for check in re.findall(r"CKV\w+", checks)]
    assert explained == yaml.safe_load(text)["skip-check"]
