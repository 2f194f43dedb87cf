"""The cluster that the kubeconfig names: what is asked of it, by APIs that Kubernetes 1.20 and today's both serve."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import urllib3
from kubernetes import client, config, utils
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException

from k8s.e2e.options import E2eError

POLL_SECONDS = 0.5
NOT_FOUND = 404
CONFLICT = 409


class Cluster:
    """A cluster, and the namespace in which the run works."""

    def __init__(self, namespace: str) -> None:
        """Connect.

        Raises:
            E2eError: there is no kubeconfig, or the cluster does not answer.
        """
        self.namespace = namespace
        try:
            config.load_kube_config()
            self.api: Any = client.ApiClient()
            version: Any = client.VersionApi(self.api).get_code()
        except (ConfigException, ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = str(error).splitlines()[0]
            raise E2eError(f"no cluster: {reason}; KUBECONFIG must name one that answers") from error
        self.version: str = version.git_version
        # The client is generated and has no types; what can be inferred of its answers is not what they are.
        self.core: Any = client.CoreV1Api(self.api)
        self.apps: Any = client.AppsV1Api(self.api)
        self.batch: Any = client.BatchV1Api(self.api)
        self.scheduling: Any = client.SchedulingV1Api(self.api)

    def make(self, items: Iterable[Any]) -> None:
        """Create objects: of the client's classes, or as read from YAML."""
        for item in items:
            utils.create_from_dict(self.api, self.api.sanitize_for_serialization(item))

    def make_unless_there(self, item: Mapping[str, Any]) -> bool:
        """Create an object; whether it was not there yet."""
        try:
            self.make([item])
        except utils.FailToCreateError as error:
            if all(one.status == CONFLICT for one in error.api_exceptions):
                return False
            raise
        return True

    def log(self, pod: str, *, previous: bool = False) -> str:
        """What a pod of the namespace printed; the client itself would hand over the text of a bytes object."""
        answer = self.core.read_namespaced_pod_log(pod, self.namespace, previous=previous, _preload_content=False)
        return answer.data.decode(errors="replace")

    def evict(self, pod: str) -> None:
        """Ask for a pod's eviction, in the version that the cluster serves: v1beta1 until 1.21, v1 from 1.22 on."""
        (served,) = [item for item in self.core.get_api_resources().resources if item.name == "pods/eviction"]
        body = {
            "apiVersion": f"policy/{served.version}",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": self.namespace},
        }
        self.call("POST", f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction", body)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """A request that the client's classes have no method for; the answer is JSON."""
        return self.api.call_api(
            path,
            method,
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            response_types_map=dict.fromkeys((200, 201, 202), "object"),
            _return_http_data_only=True,
        )


def found(ask: Callable[[], Any]) -> Any | None:
    """What ``ask`` returns, or None where the API server knows no such object."""
    try:
        return ask()
    except ApiException as error:
        if error.status != NOT_FOUND:
            raise
        return None


def wait_until(done: Callable[[], bool], what: str, *, seconds: float, hint: Callable[[], str] = str) -> None:
    """Ask until it is done.

    Raises:
        E2eError: not within ``seconds``; says ``what`` was waited for, and the hint.
    """
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise E2eError(f"not after {seconds:.0f} s: {what}{hint()}")
        time.sleep(POLL_SECONDS)
