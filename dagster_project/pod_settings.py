"""What the pods of steps ask for where steps run on Kubernetes."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NewType

from stylize.errors import SettingsError

Labels = NewType("Labels", Mapping[str, str])
Quantity = NewType("Quantity", str)
"""An amount of a resource as Kubernetes writes it: ``500m``, ``2``, ``6Gi``."""
ResourceName = NewType("ResourceName", str)
WholeNumber = NewType("WholeNumber", int)
"""At least 0."""

POD_CONFIG_SECTIONS = (
    *("container_config", "pod_spec_config", "pod_template_spec_metadata"),
    *("job_config", "job_metadata", "job_spec_config"),
)
"""The sections of a dagster-k8s configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSettings:
    """Settings of the pods of steps. What they share with run pods stands at the run launcher, and is not repeated.

    Attributes:
        gpu_per_step: GPUs of a pod that styles or refines; 0 sends these steps to the CPU nodes like all others.
        gpu_resource: what the device plugin calls a GPU, or a part of one (``nvidia.com/mig-1g.10gb``).
        gpu_node_selector: labels of the nodes that have such GPUs.
        gpu_on_spot: whether these pods may run on spot machines too.
        step_service_account: account of every step pod.
        step_cpu: cores that every step pod is sure of; it may use what is idle besides.
        step_memory: memory of every step pod: what it is sure of, and what it may not exceed.
        step_start_timeout_seconds: a step whose pod has not started for so long fails, and is tried again.
        pod_config: a dagster-k8s configuration that is merged into every step pod last.
    """

    gpu_per_step: WholeNumber = WholeNumber(1)
    gpu_resource: ResourceName = ResourceName("nvidia.com/gpu")
    gpu_node_selector: Labels = field(default_factory=lambda: Labels({"accelerator": "nvidia"}))
    gpu_on_spot: bool = True
    step_service_account: str = "stylize-step"
    step_cpu: Quantity = Quantity("1")
    step_memory: Quantity = Quantity("6Gi")
    step_start_timeout_seconds: int = 2700
    pod_config: Mapping[str, Any] = field(default_factory=dict)


def _parse_whole_number(variable: str, text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{variable}={text!r}: expected a whole number of at least 0")
    return int(text)


def _parse_switch(variable: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise SettingsError(f"{variable}={text!r}: expected true or false")
    return text == "true"


def _parse_resource_name(variable: str, text: str) -> str:
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", text):
        raise SettingsError(f"{variable}={text!r}: expected what a device plugin offers, like nvidia.com/gpu")
    return text


def _parse_quantity(variable: str, text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)?(m|[kMGT]i?)?", text):
        raise SettingsError(f"{variable}={text!r}: expected a quantity as Kubernetes writes it, like 500m, 2 or 6Gi")
    return text


def _parse_labels(variable: str, text: str) -> dict[str, str]:
    pairs = [pair.strip().partition("=") for pair in text.split(",") if pair.strip()]
    for name, separator, value in pairs:
        if not separator or not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) or not re.fullmatch(r"[\w.-]*", value):
            raise SettingsError(f"{variable}={text!r}: expected label=value, separated by commas")
    return {name: value for name, _, value in pairs}


def _parse_pod_config(variable: str, text: str) -> dict[str, Any]:
    try:
        config = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(f"{variable} is not JSON: {error}") from error
    if not isinstance(config, dict) or not config.keys() <= {*POD_CONFIG_SECTIONS}:
        raise SettingsError(f"{variable}={text!r}: expected an object with any of {', '.join(POD_CONFIG_SECTIONS)}")
    return config


POD_PARSERS: dict[Any, Callable[[str, str], Any]] = {
    WholeNumber: _parse_whole_number,
    bool: _parse_switch,
    Quantity: _parse_quantity,
    ResourceName: _parse_resource_name,
    Labels: _parse_labels,
    Mapping[str, Any]: _parse_pod_config,
}
"""Reads the text of a variable, by the type of its setting; raises SettingsError."""
