"""``make azure-demo``: the whole way of a video on Azure, with Microsoft's emulator in the place of the two accounts.

Starts Azurite, the Dagster daemon and the UI on an empty home, uploads the demo clip as a customer would, and touches
nothing from then on. Ends well only if the delivered video is the one that its receipt describes.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import dagster as dg
from azure.storage.blob import BlobServiceClient

from azurite.server import MEDIA_ACCOUNT, OPERATIONS_ACCOUNT, Azurite, free_port
from dagster_project.cli.demo_clip import make_demo_clip
from dagster_project.cli.home import open_instance
from dagster_project.settings import PROJECT_ROOT, load_settings
from stylize.errors import StylizeError
from stylize.records.receipt import Receipt
from stylize.records.records import Delivery
from stylize.store.azure.account import Transfers, UsageMeter, open_account
from stylize.store.azure.blob_store import AzureStore
from stylize.store.keys import latest_delivery_key

CLIP = "demo"
UPLOAD = f"{CLIP}.mp4"
DEADLINE_SECONDS = 600.0
END_SECONDS = 60.0


class DemoError(StylizeError):
    """The demo did not come to its end."""


class Story:
    """Prints each step with the seconds since the upload."""

    def __init__(self) -> None:
        """The clock starts with the story."""
        self.started = time.time()

    def tell(self, text: str) -> None:
        """One line."""
        sys.stdout.write(f"{time.time() - self.started:6.1f} s  {text}\n")
        sys.stdout.flush()


def open_store(azurite: Azurite) -> AzureStore:
    """The store on ``azurite``, with its containers."""
    transfers, meter = Transfers(), UsageMeter()
    media, operations = (
        open_account(
            account_url=azurite.account_url(name), credential=azurite.keys[name], transfers=transfers, meter=meter
        )
        for name in (MEDIA_ACCOUNT, OPERATIONS_ACCOUNT)
    )
    store = AzureStore(media=media, operations=operations, transfers=transfers, meter=meter)
    store.create_containers()
    return store


@contextmanager
def dagster_running(home: Path, port: int, environment: dict[str, str], *, keep: bool) -> Iterator[None]:
    """The UI, the daemon and the code server, until the context ends."""
    command = [Path(sys.executable).with_name("stylize"), "ui", "--home", home, "--port", str(port)]
    with (home / "dagster.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        yield
        if keep:
            signal.pause()
    except KeyboardInterrupt:
        if not keep:
            raise
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def upload(azurite: Azurite, clip: Path) -> None:
    """What a customer's program does: Microsoft's SDK, and nothing of ours."""
    service = BlobServiceClient(azurite.account_url(MEDIA_ACCOUNT), credential=azurite.keys[MEDIA_ACCOUNT])
    with service, clip.open("rb") as file:
        service.get_blob_client("landing", UPLOAD).upload_blob(file)


def wait_for(found: Callable[[], bool], what: str, story: Story, log: Path) -> float:
    """Wait until ``found``, tell ``what``, and return the seconds since the upload.

    Raises:
        DemoError: it did not come in time.
    """
    while not found():
        if time.time() - story.started > DEADLINE_SECONDS:
            raise DemoError(f"not {what} after {DEADLINE_SECONDS:.0f} s; see {log}")
        time.sleep(0.25)
    story.tell(what)
    return time.time() - story.started


def check_delivery(store: AzureStore, folder: Path) -> tuple[Path, Receipt]:
    """Fetch the delivered video and its receipt, and compare them.

    Raises:
        DemoError: the video is not what the receipt says.
    """
    latest = Delivery.read(store, latest_delivery_key(CLIP))
    receipt = Receipt.read(store, latest.receipt_key)
    video = folder / f"{CLIP}-styled.mp4"
    sha256 = store.download(latest.video_key, video)
    failed = [name for name, passed in receipt.checks.items() if not passed]
    if sha256 != receipt.delivered["sha256"] or failed:
        raise DemoError(f"the delivery does not verify: SHA-256 {sha256}, failed checks: {', '.join(failed) or 'none'}")
    return video, receipt


def working_seconds(instance: dg.DagsterInstance, since: float) -> float:
    """Seconds since ``since`` in which at least one step of a run executed; the rest is orchestration and waiting."""
    stats = [step for run in instance.get_runs() for step in instance.get_run_step_stats(run.run_id)]
    spans = sorted((step.start_time, step.end_time) for step in stats if step.start_time and step.end_time)
    total, reached = 0.0, since
    for start, end in spans:
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def follow(store: AzureStore, story: Story, log: Path) -> tuple[float, float]:
    """Tell what appears in the store; returns the seconds to the first styled segment and to the delivery."""

    def appears(prefix: str, part: str) -> Callable[[], bool]:
        return lambda: any(part in info.key for info in store.list(prefix))

    wait_for(appears("uploads/", CLIP), "the blob sensor found the upload complete", story, log)
    wait_for(appears(f"clips/{CLIP}/", "plan.json"), "read: every timestamp is known", story, log)
    wait_for(appears(f"work/{CLIP}/", "segment-000.json"), "split into lossless chunks", story, log)
    styled = wait_for(appears(f"work/{CLIP}/", "styled/segment-000.json"), "first segment styled", story, log)
    delivered = wait_for(appears(f"delivery/{CLIP}/", "latest.json"), "delivered, with its receipt", story, log)
    wait_for(appears("uploads/closed/", CLIP), "recorded as delivered in the ledger of uploads", story, log)
    return styled, delivered


def run_demo(folder: Path, *, keep: bool) -> None:
    """The demo, in an empty ``folder``.

    Raises:
        DemoError: it did not come to its end.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    clip = folder / UPLOAD
    make_demo_clip(clip)
    port, story = free_port(), Story()
    with ExitStack() as stack:
        azurite = stack.enter_context(Azurite(folder / "azurite"))
        store = open_store(azurite)
        stack.callback(store.close)
        environment = azurite.environment()
        story.tell(f"Azurite answers: {azurite.account_url(MEDIA_ACCOUNT)}, {azurite.account_url(OPERATIONS_ACCOUNT)}")
        stack.enter_context(dagster_running(folder, port, environment, keep=keep))
        log = folder / "dagster.log"
        wait_for(
            lambda: "upload_sensor" in log.read_text(errors="replace"),
            f"Dagster runs: UI on http://127.0.0.1:{port}, log in {log}",
            story,
            log,
        )
        upload(azurite, clip)
        story.started = time.time()
        story.tell(f"{UPLOAD} uploaded into landing/ by Microsoft's SDK")
        styled, delivered = follow(store, story, log)
        video, receipt = check_delivery(store, folder)
        for line in _summary(folder, story, styled, delivered, video, receipt):
            sys.stdout.write(f"{line}\n")
        if keep:
            _say_what_is_running(azurite, environment, port)


def _summary(
    folder: Path, story: Story, styled: float, delivered: float, video: Path, receipt: Receipt
) -> Iterator[str]:
    with open_instance(load_settings({}).at(folder)) as instance:
        worked = working_seconds(instance, story.started)
    seconds = float(Fraction(receipt.delivered["duration_seconds"]))
    yield ""
    yield f"{receipt.counts['frames']} frames, {seconds:.2f} s of video; {len(receipt.checks)} checks passed,"
    yield "  and the delivered file has the SHA-256 that the receipt states."
    yield f"From the upload to the first styled segment {styled:.0f} s, to the delivery {delivered:.0f} s:"
    yield f"  {worked:.0f} s of work in the steps, {max(0.0, delivered - worked):.0f} s of orchestration"
    yield "  (waiting until the upload is complete, ticks of sensors, starts of runs)."
    yield f"result: {video}"


def _say_what_is_running(azurite: Azurite, environment: dict[str, str], port: int) -> None:
    sys.stdout.write(f"\nKEEP=1: all of it keeps running until Ctrl-C. Dagster UI: http://127.0.0.1:{port}\n")
    sys.stdout.write(f"Azurite: {azurite.connection_string(MEDIA_ACCOUNT)}\n")
    sys.stdout.write("To point stylize at it:\n")
    for name, value in environment.items():
        sys.stdout.write(f"  export {name}='{value}'\n")
    sys.stdout.flush()


def main() -> None:
    """Run the demo; the status is 0 only if the delivery verifies."""
    folder = Path(os.environ.get("STYLIZE_HOME", PROJECT_ROOT / ".stylize")) / "azure-demo"
    for end in (signal.SIGINT, signal.SIGTERM):  # what was started must end with this, also in the background
        signal.signal(end, signal.default_int_handler)
    try:
        run_demo(folder, keep=os.environ.get("KEEP") == "1")
    except StylizeError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
