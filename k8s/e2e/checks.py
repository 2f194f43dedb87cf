"""What is looked at once the clip is delivered: the pods that ran, what the UI launches, and what is left behind."""

from assets.gpu_pool import GPU_POOL
from assets.styled_frames import styled_frames
from azurite.demo import Story
from k8s.e2e.cluster import Cluster, wait_until
from k8s.e2e.instance import GPU_PODS_AT_ONCE, TTL_SECONDS
from k8s.e2e.options import E2eError, Options
from k8s.e2e.placement import (
    GPU_STEP,
    gpu_nodes,
    most_at_once,
    most_pods_at_once,
    placement_faults,
    pods_per_node,
    styling,
)
from k8s.e2e.pods import RUN, STEP, PodWatch
from k8s.e2e.ui import Webserver

LAUNCHED_SECONDS = 600.0
# The controller that removes finished Jobs, and the garbage collector that then removes their pods, take their time.
LEFT_OVER_SECONDS = TTL_SECONDS + 180.0
DONE = {"SUCCESS", "FAILURE", "CANCELED"}


def check_pods(cluster: Cluster, watch: PodWatch, options: Options, story: Story, *, num_segments: int) -> None:
    """Judge the pods that ran so far.

    Raises:
        E2eError: one was made or placed as it should not have been, or there were not enough of them.
    """
    pods, nodes = watch.pods, cluster.core.list_node().items
    with_gpu = gpu_nodes(nodes, options.gpu_resource)
    shared = len(with_gpu) == len(nodes)
    faults = [*placement_faults(pods, with_gpu=with_gpu, gpu_resource=options.gpu_resource, shared=shared)]
    gpu_pods = styling(pods)
    if len(gpu_pods) < num_segments + options.kills:
        faults.append(f"{len(gpu_pods)} pods styled {num_segments} segments with {options.kills} kills")
    if faults:
        raise E2eError("; ".join(faults))
    spread = ", ".join(f"{count} on {node}" for node, count in sorted(pods_per_node(pods).items()))
    story.tell(f"{len(gpu_pods)} GPU pods for {num_segments} segments; all {len(pods)} pods in their places: {spread}")


def check_pool(webserver: Webserver, watch: PodWatch, story: Story) -> None:
    """Judge how many GPU steps and GPU pods there were at once, and that all places were given back.

    Raises:
        E2eError: there were more than the pool has places, or a place is still taken.
    """
    steps = most_at_once(webserver.spans(GPU_STEP))
    gpu_pods = styling(watch.pods)
    pods = most_pods_at_once(gpu_pods)
    if max(steps, pods) > GPU_PODS_AT_ONCE:
        spans = ", ".join(f"{pod.name} {pod.made_at}-{pod.over_at} ({pod.phase} {pod.end})" for pod in gpu_pods)
        raise E2eError(
            f"{steps} GPU steps and {pods} GPU pods at once, and the pool has {GPU_PODS_AT_ONCE} places; the numbers of"
            f" the changes by which they came and went: {spans}"
        )
    wait_until(
        lambda: webserver.pool(GPU_POOL)["activeSlotCount"] == 0,
        "every place in the pool is free again",
        seconds=LAUNCHED_SECONDS,
        hint=lambda: f"; {webserver.pool(GPU_POOL)}",
    )
    story.tell(
        f"pool of {GPU_PODS_AT_ONCE}: at most {steps} GPU steps and {pods} GPU pods at once,"
        " none waits, every place is free again"
    )


def check_ui_launches(webserver: Webserver, watch: PodWatch, story: Story, *, clip: str) -> None:
    """Materialize styled segments as the UI does, one by a run and two by a backfill, and see each in a GPU pod.

    Raises:
        E2eError: a run does not succeed, or did not use a GPU pod.
    """
    before = {pod.uid for pod in styling(watch.pods)}
    run = webserver.materialize(styled_frames, f"{clip}|000")
    backfill = webserver.backfill(styled_frames, [f"{clip}|001", f"{clip}|002"])

    def statuses() -> dict[str, str]:
        single = webserver.statuses(dagster_partition=f"{clip}|000")
        return {run: single[run], **webserver.statuses(dagster_backfill=backfill)}

    wait_until(
        lambda: len(found := statuses()) == 3 and set(found.values()) <= DONE,
        "what the UI launched is done",
        seconds=LAUNCHED_SECONDS,
        hint=lambda: f"; {statuses()}",
    )
    new = [pod for pod in styling(watch.pods) if pod.uid not in before]
    if set(statuses().values()) != {"SUCCESS"} or len(new) != 3:
        raise E2eError(f"launched from the UI: {statuses()}, in {len(new)} GPU pods; expected 3 successes in 3 pods")
    story.tell("launched as the UI does, one run and a backfill of two: each reached a GPU pod, and succeeded")


def check_nothing_left(cluster: Cluster, story: Story) -> None:
    """Wait until the Jobs and the pods of runs and steps are gone by themselves.

    Raises:
        E2eError: some are not.
    """

    def left() -> list[str]:
        selector = f"app.kubernetes.io/component in ({RUN}, {STEP})"
        jobs = cluster.batch.list_namespaced_job(cluster.namespace, label_selector=selector).items
        pods = cluster.core.list_namespaced_pod(cluster.namespace, label_selector=selector).items
        return [item.metadata.name for item in (*jobs, *pods)]

    wait_until(
        lambda: not left(),
        "all Jobs and pods of runs are gone by their time to live",
        seconds=LEFT_OVER_SECONDS,
        hint=lambda: f"; left: {', '.join(left())}",
    )
    story.tell("no Job and no pod of a run is left: all went by their time to live")
