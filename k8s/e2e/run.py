"""``make k8s-e2e``: from an upload to a verified delivery, on the cluster that the kubeconfig names.

Deploys the instance, code server, daemon and webserver in a namespace of their own, uploads the demo clip as a
customer would, kills GPU pods on the way, and holds what was delivered against its receipt, its parts and its source.
Ends well only if all of that verifies; removes what it made, unless KEEP=1.
"""

import os
import secrets
import signal
import sys
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3
from kubernetes.client.exceptions import ApiException

from azurite.demo import Story
from dagster_project.cli.demo_clip import make_demo_clip
from dagster_project.settings import PROJECT_ROOT
from k8s.e2e.attempts import check_attempts
from k8s.e2e.checks import check_nothing_left, check_pods, check_pool, check_ui_launches
from k8s.e2e.clip import Clip
from k8s.e2e.cluster import POLL_SECONDS, Cluster
from k8s.e2e.deployed import deploy, remove, save_logs, troubles
from k8s.e2e.deployments import WEBSERVER
from k8s.e2e.kills import Killer
from k8s.e2e.options import E2eError, Options, read_options
from k8s.e2e.pods import PodWatch
from k8s.e2e.rights import check_rights
from k8s.e2e.services import local_services
from k8s.e2e.store import Verified, open_store, remove_containers, verify
from k8s.e2e.ui import Webserver
from stylize.errors import StylizeError
from stylize.store.azure.blob_store import AzureStore

# Three segments of ten chunks: so small that cores style them in a few minutes, so large that GPUs take seconds for
# each, in which they can be killed.
SIZE_FOR_CORES, SIZE_FOR_GPUS = (320, 180), (1920, 1080)
SECONDS_PER_PHOTOGRAPH = 10
DEADLINE_SECONDS = 1200.0
SECONDS_PER_KILL = 180.0


def run_end_to_end(options: Options, folder: Path, *, services_are_ours: bool) -> None:
    """The whole run.

    Args:
        options: of the run.
        folder: gets the delivered video, and what every pod printed.
        services_are_ours: whether store and database end with this process, so that nothing can outlive it.

    Raises:
        StylizeError: it did not come to its end, or something is not as it should be.
    """
    run, story = secrets.token_hex(3), Story()
    cluster = Cluster(options.namespace)
    story.tell(f"run {run} on Kubernetes {cluster.version}, image {options.image}")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "demo.mp4"
    size = SIZE_FOR_CORES if options.device == "cpu" else SIZE_FOR_GPUS
    make_demo_clip(file, size=size, seconds_per_photograph=SECONDS_PER_PHOTOGRAPH)
    with ExitStack() as stack:
        if services_are_ours or not options.keep:
            stack.callback(_clean_up, cluster, options, run, story)
        store = stack.enter_context(open_store(options, run))
        store.create_containers()
        stack.callback(save_logs, cluster, folder / "logs")
        deploy(cluster, options, run, story)
        try:
            _prove(Proof(cluster, options, run, store, story), file, folder)
        except StylizeError as error:
            story.tell(f"failed: {error}")
            raise
        finally:
            if options.keep:
                _hold(options, until_interrupted=services_are_ours)


@dataclass(frozen=True, slots=True)
class Proof:
    """What every part of the run works with."""

    cluster: Cluster
    options: Options
    run: str
    store: AzureStore
    story: Story


def _prove(proof: Proof, file: Path, folder: Path) -> None:
    cluster, options, story = proof.cluster, proof.options, proof.story
    webserver = Webserver(cluster)
    with PodWatch(cluster) as watch:
        disturbed = _deliver(proof, "demo", file, folder, watch, kills=options.kills)
        if options.kills:
            check_attempts(proof.store, "demo", story, kills=options.kills)
        if options.kills > 1:
            undisturbed = _deliver(proof, "undisturbed", file, folder, watch, kills=0)
            if undisturbed.sha256 != disturbed.sha256:
                raise E2eError(f"{disturbed.file} and {undisturbed.file} differ: kills changed what was delivered")
            story.tell(f"the same clip undisturbed is the same {undisturbed.file.stat().st_size} bytes")
        check_ui_launches(webserver, watch, story, clip="demo")
        check_pods(cluster, watch, options, story, num_segments=disturbed.num_segments)
        check_pool(webserver, watch, story)
        check_rights(cluster, options, proof.run, story)
        check_nothing_left(cluster, story)


def _deliver(proof: Proof, name: str, file: Path, folder: Path, watch: PodWatch, *, kills: int) -> Verified:
    """Upload the file as clip ``name``, follow it until it is delivered, and verify that."""
    clip = Clip(proof.store, name)
    clip.upload(proof.options, proof.run, file)
    proof.story.started = time.time()
    proof.story.tell(f"{name}.mp4 uploaded into landing/")
    killer = Killer(
        proof.cluster,
        watch,
        kills=kills,
        seed=proof.options.seed,
        num_published=clip.num_published,
        story=proof.story,
    )
    _follow(clip, killer, proof, seconds=DEADLINE_SECONDS + SECONDS_PER_KILL * kills)
    if killer.num_left:
        raise E2eError(f"{name} was done before {killer.num_left} of {kills} kills: KILLS is too high for it")
    verified = verify(proof.store, name, folder)
    proof.story.tell(
        f"verified: {verified.num_frames} frames, {verified.num_segments} segments, {verified.num_checks} checks,"
        f" SHA-256 {verified.sha256[:16]}…"
    )
    return verified


def _follow(clip: Clip, killer: Killer, proof: Proof, *, seconds: float) -> None:
    """Tell what becomes of the clip until it is delivered, and kill GPU pods meanwhile.

    Raises:
        E2eError: it is not delivered within ``seconds``.
    """
    deadline = time.time() + seconds
    try:
        for what, reached in clip.milestones():
            while not reached():
                if time.time() > deadline:
                    raise E2eError(f"not {what}{''.join(f'; {trouble}' for trouble in troubles(proof.cluster))}")
                killer.act()
                time.sleep(POLL_SECONDS)
            proof.story.tell(what)
    finally:
        killer.reopen_nodes(float("inf"))


def _hold(options: Options, *, until_interrupted: bool) -> None:
    sys.stdout.write(f"\nKEEP=1: namespace {options.namespace} stays. To see the UI on http://127.0.0.1:8080:\n")
    sys.stdout.write(f"  kubectl --namespace {options.namespace} port-forward service/{WEBSERVER} 8080\n")
    if until_interrupted:
        sys.stdout.write("Store and database are this process's: Ctrl-C ends them, and removes everything.\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()


def _clean_up(cluster: Cluster, options: Options, run: str, story: Story) -> None:
    try:
        remove(cluster, options, run)
    finally:
        remove_containers(options, run)
    story.tell("everything that was made is removed again")


def main() -> None:
    """Run it; the status is 0 only if everything verifies."""
    folder = Path(os.environ.get("STYLIZE_HOME", PROJECT_ROOT / ".stylize")) / "k8s-e2e"
    for end in (signal.SIGINT, signal.SIGTERM):  # what was made must be removed, also when this is stopped
        signal.signal(end, signal.default_int_handler)
    environment = dict(os.environ)
    try:
        with ExitStack() as stack:
            address, store_url = environment.get("K8S_HOST_ADDRESS"), environment.get("K8S_STORE_URL")
            if address and not store_url:
                environment |= stack.enter_context(local_services(address))
            run_end_to_end(read_options(environment), folder, services_are_ours=not store_url)
    except StylizeError as error:
        sys.exit(f"error: {error}")
    except ApiException as error:
        sys.exit(f"error: the API server refuses: {error.status} {error.reason}: {error.body}")
    except urllib3.exceptions.HTTPError as error:
        sys.exit(f"error: the cluster does not answer any more; what was made in it may still be there: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
