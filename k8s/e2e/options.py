"""What ``make k8s-e2e`` is told by its environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_args
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from dagster_project.pod_settings import POD_PARSERS
from dagster_project.settings import Device
from dagster_project.step_pods import merged
from stylize.errors import SettingsError, StylizeError

POSTGRESQL_PORT = 5432


class E2eError(StylizeError):
    """The end-to-end run cannot begin, or did not come to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrl:
    """One storage account.

    Attributes:
        endpoint: its blob endpoint.
        sas_token: what opens it to the run itself, which makes and removes containers.
        pod_sas_token: what opens it to pods; the same unless they are given less.
    """

    endpoint: str
    sas_token: str = field(repr=False)
    pod_sas_token: str = field(repr=False)

    @property
    def pods_have_less(self) -> bool:
        """Whether pods sign in with a token of their own."""
        return self.pod_sas_token != self.sas_token

    @classmethod
    def parse(cls, variable: str, text: str, pod_sas_token: str | None) -> Self:
        """Take apart a "blob service SAS URL", as the portal calls it.

        Raises:
            E2eError: it is none.
        """
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc or "sig=" not in parts.query:
            raise E2eError(
                f"{variable} must be a blob endpoint with an account SAS token behind it: https://…/?sv=…&sig=…"
            )
        return cls(
            endpoint=urlunsplit((*parts[:2], parts.path.rstrip("/"), "", "")),
            sas_token=parts.query,
            pod_sas_token=pod_sas_token or parts.query,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A PostgreSQL server, and whom to sign in as.

    Attributes:
        host: its name or address, as pods find it.
        port: where it listens.
        user: who signs in.
        password: of that user.
        name: of the database.
        params: further parameters of the connection, such as ``sslmode``.
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    params: Mapping[str, str]

    @classmethod
    def parse(cls, variable: str, text: str) -> Self:
        """Take apart a URL as libpq takes it.

        Raises:
            E2eError: it is none.
        """
        parts = urlsplit(text)
        if parts.scheme not in ("postgresql", "postgres") or not (parts.hostname and parts.username and parts.password):
            raise E2eError(f"{variable} must be postgresql://user:password@host:port/database")
        return cls(
            host=parts.hostname,
            port=parts.port or POSTGRESQL_PORT,
            user=unquote(parts.username),
            password=unquote(parts.password),
            name=unquote(parts.path.removeprefix("/")) or unquote(parts.username),
            params=dict(parse_qsl(parts.query)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one end-to-end run.

    Attributes:
        image: of every pod.
        namespace: made for the run, and removed after it.
        gpu_resource: what a step pod asks for one of.
        pod_config: merged into every pod; keys as in ``dagster-k8s/config``.
        media: account of landing/ and delivery/.
        operations: account of all else; the same one unless it is named.
        database: where Dagster keeps its storage; the run keeps to a schema of its own.
        device: where frames are styled.
        kills: GPU pods to kill on the way.
        seed: chooses when and how they are killed.
        keep: whether to leave everything as it is at the end.
    """

    image: str
    namespace: str
    gpu_resource: str
    pod_config: Mapping[str, Any]
    media: StoreUrl
    operations: StoreUrl
    database: Database
    device: Device
    kills: int
    seed: int
    keep: bool

    @property
    def mounts_the_host(self) -> bool:
        """Whether pods see folders of their node, which the strict profile of Pod Security forbids."""
        volumes = self.pod_config.get("pod_spec_config", {}).get("volumes", [])
        return any("host_path" in volume for volume in volumes)


def read_options(environment: Mapping[str, str]) -> Options:
    """Read the options.

    Raises:
        E2eError: one is missing, or has a value that cannot be used.
    """
    media = StoreUrl.parse(
        "K8S_STORE_URL", _required(environment, "K8S_STORE_URL"), environment.get("K8S_POD_SAS_TOKEN")
    )
    operations = environment.get("K8S_OPERATIONS_STORE_URL")
    return Options(
        image=_required(environment, "K8S_IMAGE"),
        namespace=_name(environment.get("K8S_NAMESPACE") or "stylize-e2e"),
        gpu_resource=environment.get("K8S_GPU_RESOURCE") or "nvidia.com/gpu",
        pod_config=_pod_config("K8S_POD_CONFIG", environment.get("K8S_POD_CONFIG") or "{}"),
        media=media,
        operations=StoreUrl.parse("K8S_OPERATIONS_STORE_URL", operations, None) if operations else media,
        database=Database.parse("K8S_DATABASE_URL", _required(environment, "K8S_DATABASE_URL")),
        device=_device(environment.get("STYLIZE_DEVICE") or "cuda"),
        kills=_count(environment, "KILLS", default=1),
        seed=_count(environment, "SEED", default=0),
        keep=environment.get("KEEP") == "1",
    )


def _required(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable)
    if not value:
        raise E2eError(f"{variable} is not set; docs/cluster-test.md says what make k8s-e2e needs")
    return value


def _name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?", text):
        raise E2eError(f"K8S_NAMESPACE={text!r}: expected lower-case letters, digits and hyphens, 40 at most")
    return text


def _pod_config(variable: str, text: str) -> Mapping[str, Any]:
    config = POD_PARSERS[Mapping[str, Any]](variable, text)
    try:
        return merged({}, config)
    except SettingsError as error:
        raise E2eError(f"{variable}: no field of Kubernetes: {str(error).rpartition(': ')[2]}") from error


def _device(text: str) -> Device:
    for device in get_args(Device):
        if text == device:
            return device
    raise E2eError(f"STYLIZE_DEVICE={text!r}: expected one of {', '.join(get_args(Device))}")


def _count(environment: Mapping[str, str], variable: str, *, default: int) -> int:
    text = environment.get(variable) or str(default)
    if not text.isdecimal():
        raise E2eError(f"{variable}={text!r}: expected a whole number")
    return int(text)
