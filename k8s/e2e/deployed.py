"""The deployment under test: made in a namespace of its own, waited for, and removed with all that it made."""

from collections.abc import Iterator
from pathlib import Path

from kubernetes import client

from azurite.demo import Story
from k8s.e2e import objects
from k8s.e2e.cluster import Cluster, found, wait_until
from k8s.e2e.database import drop_schema, make_schema
from k8s.e2e.deployments import servers
from k8s.e2e.options import E2eError, Options
from k8s.e2e.ui import Webserver

START_SECONDS = 600.0
END_SECONDS = 300.0
CRASHES = 3
SERVICE_ACCOUNT_SECONDS = 60.0


def deploy(cluster: Cluster, options: Options, run: str, story: Story) -> None:
    """Make everything, and wait until the webserver has heard from the code server.

    Raises:
        E2eError: the namespace is somebody else's, or a server does not start.
    """
    remove_leftover(cluster, options, story)
    cluster.make([objects.namespace(options, run)])
    for item in objects.priority_classes(run):
        cluster.make_unless_there(item)
    cluster.make(objects.rights_and_limits(options))
    cluster.make(objects.configuration(options, run))
    _wait_for_accounts(cluster)
    make_schema(cluster, options, run)
    story.tell(f"namespace {options.namespace} made: accounts, rights, quota, configuration, a schema in the database")
    for server in servers(options):
        cluster.make(objects.of_server(server, options))
    for server in servers(options):
        _wait_for_server(cluster, server.name)
    webserver = Webserver(cluster)
    wait_until(webserver.location_is_loaded, "the webserver has heard from the code server", seconds=START_SECONDS)
    story.tell("code server, daemon and webserver are ready")


def remove_leftover(cluster: Cluster, options: Options, story: Story) -> None:
    """Remove what an earlier run left under the same name.

    Raises:
        E2eError: the namespace was not made by such a run.
    """
    namespace = found(lambda: cluster.core.read_namespace(options.namespace))
    if namespace is None:
        return
    run = (namespace.metadata.labels or {}).get(objects.RUN_LABEL)
    if run is None:
        raise E2eError(
            f"the namespace {options.namespace!r} exists and was not made by make k8s-e2e: choose another K8S_NAMESPACE"
        )
    story.tell(f"removing what run {run} left")
    remove(cluster, options, run)


def remove(cluster: Cluster, options: Options, run: str) -> None:
    """Remove everything that :func:`deploy` made, and all that ran in it. What is gone already is no error.

    Raises:
        E2eError: the namespace does not go.
    """
    for deployment in cluster.apps.list_namespaced_deployment(options.namespace).items:
        cluster.apps.delete_namespaced_deployment(deployment.metadata.name, options.namespace)
    cluster.batch.delete_collection_namespaced_job(options.namespace, propagation_policy="Background")
    left = None
    try:
        drop_schema(cluster, options, run)
    except (E2eError, client.ApiException) as error:
        left = error  # the rest must go all the same
    cluster.core.delete_namespace(options.namespace)
    wait_until(
        lambda: found(lambda: cluster.core.read_namespace(options.namespace)) is None,
        f"the namespace {options.namespace} is gone",
        seconds=END_SECONDS,
    )
    for item in cluster.scheduling.list_priority_class(label_selector=f"{objects.RUN_LABEL}={run}").items:
        cluster.scheduling.delete_priority_class(item.metadata.name)
    if left is not None:
        raise E2eError(f"all is removed but the schema of run {run}: {left}")


def save_logs(cluster: Cluster, folder: Path) -> None:
    """Write what every pod that is still there has printed."""
    folder.mkdir(parents=True, exist_ok=True)
    for pod in cluster.core.list_namespaced_pod(cluster.namespace).items:
        printed = found_log(cluster, pod.metadata.name)
        if printed:
            (folder / f"{pod.metadata.name}.log").write_text(printed)


def found_log(cluster: Cluster, pod: str, *, previous: bool = False) -> str:
    """What the pod printed, or its container before the last restart; nothing if it never started."""
    try:
        return cluster.log(pod, previous=previous)
    except client.ApiException:
        return ""


def _wait_for_accounts(cluster: Cluster) -> None:
    """Kubernetes before 1.24 gives every account a token a moment after it is made, and refuses pods until then."""
    wait_until(
        lambda: found(lambda: cluster.core.read_namespaced_service_account("default", cluster.namespace)) is not None,
        "the namespace's default account",
        seconds=SERVICE_ACCOUNT_SECONDS,
    )


def _wait_for_server(cluster: Cluster, name: str) -> None:
    def is_available() -> bool:
        _refuse_crashes(cluster)
        return bool(cluster.apps.read_namespaced_deployment(name, cluster.namespace).status.available_replicas)

    wait_until(
        is_available,
        f"the deployment {name} is available",
        seconds=START_SECONDS,
        hint=lambda: "".join(f"; {trouble}" for trouble in troubles(cluster)),
    )


def _refuse_crashes(cluster: Cluster) -> None:
    for pod in cluster.core.list_namespaced_pod(cluster.namespace).items:
        restarts = sum(status.restart_count for status in pod.status.container_statuses or [])
        if restarts >= CRASHES:
            last_words = found_log(cluster, pod.metadata.name, previous=True).strip().splitlines()[-1:]
            raise E2eError(f"{pod.metadata.name} crashes again and again: {''.join(last_words) or 'it says nothing'}")


def troubles(cluster: Cluster) -> Iterator[str]:
    """Why pods do not run, as Kubernetes says it."""
    for pod in cluster.core.list_namespaced_pod(cluster.namespace).items:
        for status in pod.status.container_statuses or []:
            waiting = status.state.waiting
            if waiting is not None and waiting.message:
                yield f"{pod.metadata.name}: {waiting.reason}: {waiting.message}"
        for condition in pod.status.conditions or []:
            if condition.reason == "Unschedulable":
                yield f"{pod.metadata.name}: {condition.message}"
