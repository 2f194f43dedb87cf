"""What a deployment sets. The only reader of the environment; called from definitions.py and the command line.

Every setting has an environment variable ``STYLIZE_<NAME>`` and a default that suits a laptop.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_type_hints
from urllib.parse import urlsplit

from dagster_project.pod_settings import POD_PARSERS, PodSettings
from stylize.errors import SettingsError
from stylize.prices import Prices
from stylize.style.controls.quality import Quality

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
StoreKind = Literal["folder", "azure"]
ExecutorName = Literal["in-process", "multiprocess", "kubernetes"]
Credential = Literal["identity", "sas", "key", "connection-string"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureAccount:
    """One storage account and how to sign in to it. Secrets are known by the names of their variables only.

    Attributes:
        role: ``media`` or ``operations``; stands in the names of the variables.
        url: blob endpoint, without credentials; empty where a connection string names it.
        credential: ``identity`` asks Entra ID for whoever this process is; the others are secrets in the environment.
    """

    role: Literal["media", "operations"]
    url: str
    credential: Credential

    @property
    def sas_token_variable(self) -> str:
        """Variable of the SAS token."""
        return f"STYLIZE_{self.role.upper()}_SAS_TOKEN"

    @property
    def key_variable(self) -> str:
        """Variable of the account key."""
        return f"STYLIZE_{self.role.upper()}_ACCOUNT_KEY"

    @property
    def connection_string_variable(self) -> str:
        """Variable of the connection string."""
        return f"STYLIZE_{self.role.upper()}_CONNECTION_STRING"

    @property
    def secret_variable(self) -> str | None:
        """Variable of the secret that the chosen credential needs, if any."""
        return {
            "identity": None,
            "sas": self.sas_token_variable,
            "key": self.key_variable,
            "connection-string": self.connection_string_variable,
        }[self.credential]

    def check(self, environment: Mapping[str, str]) -> None:
        """Raise SettingsError unless the account can be reached with what is set."""
        variable = f"STYLIZE_{self.role.upper()}_ACCOUNT_URL"
        parts = urlsplit(self.url)
        if self.credential != "connection-string" and not (parts.scheme in ("https", "http") and parts.netloc):
            raise SettingsError(
                f"{variable}={self.url!r}: STYLIZE_STORE=azure needs the account's blob endpoint, https://…"
            )
        if parts.query:
            raise SettingsError(f"{variable} must not carry a SAS token: put that into {self.sas_token_variable}")
        if self.secret_variable is not None and not environment.get(self.secret_variable):
            raise SettingsError(
                f"STYLIZE_{self.role.upper()}_CREDENTIAL={self.credential!r}: the variable {self.secret_variable}"
                " is not set"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one deployment.

    Attributes:
        home: folder of everything a local deployment keeps: the store, the Dagster instance, leases, scratch files.
        instance_dir: folder with the dagster.yaml of the instance, where it is not one of the home's own.
        styles_dir: folder of the shipped styles.
        default_style: style of a clip that names none.
        default_quality: quality of a clip that names none.
        device: where frames are styled; ``auto`` takes a CUDA device if there is one, and demands it of GPU pods.
        precision: arithmetic of the networks; ``auto`` takes the fastest that the device does well.
        frame_transforms: what can be done to frames besides the styles: names, and where the code of each lies.
        max_pixels: largest accepted picture, in pixels.
        max_frames: longest accepted clip, in frames.
        decode_stall_seconds: a decoder that yields nothing for so long is stopped.
        decode_total_seconds: a decoder that runs longer than this is stopped.
        store: where videos, intermediates, models and deliveries lie: a folder (also a mounted share), or Azure Blob.
        media_account_url: blob endpoint of the account of landing/ and delivery/.
        operations_account_url: blob endpoint of the account of everything else.
        media_credential: how to sign in to the media account.
        operations_credential: how to sign in to the operations account.
        container_prefix: what the names of the storage containers begin with.
        ui_url: where people open the Dagster UI; links in alerts begin with it.
        docs_url: where people read the folder docs/; assets link to it. Empty: they name the files.
        alert_quiet_minutes: at most one alert about a clip in so many minutes.
        executor: where the steps of a run are executed: in its process, each in one of its own, or each in its own pod.
        pods: what these pods ask for.
        price_gpu_hour: price of an hour of a step with a GPU, for estimates of cost; 0 where it is not known.
        price_cpu_hour: price of an hour of a step without one.
        currency: of both prices.
        budget_per_clip: a clip that is expected to cost more waits for approval; None: no clip does.
    """

    home: Path = Path(".stylize")
    instance_dir: Path | None = None
    styles_dir: Path = PROJECT_ROOT / "styles"
    default_style: str = "starry-night"
    default_quality: Quality = "standard"
    device: Device = "auto"
    precision: Precision = "auto"
    frame_transforms: Mapping[str, str] = field(default_factory=dict)
    max_pixels: int = 36_000_000
    max_frames: int = 400_000
    decode_stall_seconds: int = 60
    decode_total_seconds: int = 6 * 3600
    store: StoreKind = "folder"
    media_account_url: str = ""
    operations_account_url: str = ""
    media_credential: Credential = "identity"
    operations_credential: Credential = "identity"
    container_prefix: str = ""
    ui_url: str = "http://127.0.0.1:3000"
    docs_url: str = ""
    alert_quiet_minutes: int = 15
    executor: ExecutorName = "in-process"
    pods: PodSettings = field(default_factory=PodSettings)
    price_gpu_hour: float = 0.0
    price_cpu_hour: float = 0.0
    currency: str = "USD"
    budget_per_clip: float | None = None

    @property
    def on_gpu_pods(self) -> bool:
        """Whether frames are styled by pods with a GPU, unlike the other steps, which then have none."""
        return self.executor == "kubernetes" and self.pods.gpu_per_step > 0 and self.device != "cpu"

    @property
    def store_dir(self) -> Path:
        """Folder of the local media store."""
        return self.home / "store"

    @property
    def dagster_dir(self) -> Path:
        """DAGSTER_HOME of the instance."""
        return self.instance_dir or self.home / "dagster"

    @property
    def leases_dir(self) -> Path:
        """Folder of the lock files that keep processes off each other's clip."""
        return self.home / "leases"

    @property
    def scratch_dir(self) -> Path:
        """Folder of temporary files."""
        return self.home / "scratch"

    @property
    def media_account(self) -> AzureAccount:
        """The account of what customers touch."""
        return AzureAccount(role="media", url=self.media_account_url, credential=self.media_credential)

    @property
    def operations_account(self) -> AzureAccount:
        """The account of everything else."""
        return AzureAccount(role="operations", url=self.operations_account_url, credential=self.operations_credential)

    @property
    def prices(self) -> Prices:
        """What estimates of cost are made with."""
        return Prices(gpu_hour=self.price_gpu_hour, cpu_hour=self.price_cpu_hour, currency=self.currency)

    def on_folder_store(self) -> Self:
        """These settings with everything on this machine, whatever the deployment uses."""
        return replace(self, store="folder", executor="in-process", instance_dir=None)

    def at(self, home: Path | None) -> Self:
        """These settings with another home, made absolute, and its own instance; the same where ``home`` is None."""
        instance_dir = self.instance_dir if home is None else None
        return replace(self, home=(home or self.home).expanduser().absolute(), instance_dir=instance_dir)


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables.

    Args:
        environment: the variables to read; those of the process by default.

    Raises:
        SettingsError: a variable has a value that its setting cannot take, or one that is needed is missing.
    """
    environment = os.environ if environment is None else environment
    settings = Settings(**_values(Settings, environment)).at(None)
    if settings.budget_per_clip is not None and not settings.prices.known:
        raise SettingsError(
            "STYLIZE_BUDGET_PER_CLIP needs a price: set STYLIZE_PRICE_GPU_HOUR or STYLIZE_PRICE_CPU_HOUR"
        )
    if settings.store == "azure":
        settings.media_account.check(environment)
        settings.operations_account.check(environment)
        _check_container_prefix(settings.container_prefix)
    return settings


def _values(owner: type, environment: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a dataclass of settings that the environment sets."""
    values: dict[str, Any] = {}
    for name, kind in get_type_hints(owner).items():
        variable = f"STYLIZE_{name.upper()}"
        if isinstance(kind, type) and is_dataclass(kind):
            values[name] = kind(**_values(kind, environment))
        elif variable in environment:
            values[name] = _parse(variable, environment[variable], kind)
    return values


def _check_container_prefix(prefix: str) -> None:
    if prefix and not re.fullmatch(r"[a-z0-9](-?[a-z0-9])*-?", prefix):
        raise SettingsError(
            f"STYLIZE_CONTAINER_PREFIX={prefix!r}: expected lower-case letters, digits and single hyphens"
        )


def _parse(variable: str, text: str, kind: Any) -> Any:
    if kind in POD_PARSERS:
        return POD_PARSERS[kind](variable, text)
    if kind in (Path, Path | None):
        return Path(text)
    if kind == Mapping[str, str]:
        return _parse_pairs(variable, text)
    if kind is int:
        if not text.isdecimal() or int(text) < 1:
            raise SettingsError(f"{variable}={text!r}: expected a whole number of at least 1")
        return int(text)
    if kind in (float, float | None):
        return _parse_amount(variable, text)
    allowed = get_args(kind)
    if allowed and text not in allowed:
        raise SettingsError(f"{variable}={text!r}: expected one of {', '.join(allowed)}")
    return text


def _parse_amount(variable: str, text: str) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if not (math.isfinite(amount) and amount >= 0):
        raise SettingsError(f"{variable}={text!r}: expected a number of at least 0, such as 0.25")
    return amount


def _parse_pairs(variable: str, text: str) -> dict[str, str]:
    """``name=value`` pairs, separated by commas."""
    pairs = [pair.strip().partition("=") for pair in text.split(",") if pair.strip()]
    for name, _, target in pairs:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) or not re.fullmatch(r"[\w.]+:[\w.]+", target):
            raise SettingsError(
                f"{variable}={text!r}: expected name=package.module:callable, separated by commas; names are lower-case"
                " letters, digits and single hyphens"
            )
    return {name: target for name, _, target in pairs}
