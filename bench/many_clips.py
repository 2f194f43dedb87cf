"""How fast the UI's pages open, and the ticks of sensors are, with an archive of 300 clips of 64 segments.

    make bench-many-clips FOLDER=/var/tmp/many-clips

Two homes: one with a clip, one with 300. The archive is made of copies of what the delivery of that one clip left in
the event log, pictures and all, so that it weighs what a real one weighs. Pages of both are opened in turns, in a real
browser against a real webserver with its daemon; what counts is the median. Of ticks, which the daemon records, it is
the longest of those that began once the deployment had settled. Writes ``bench/results/many_clips.json``. Takes
half an hour, most of it to fill the event log, and some gigabytes; ``--clips`` makes a smaller archive.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import dagster as dg
import psutil
from playwright.sync_api import Browser, Error, expect, sync_playwright

from assets.all_clips_report import all_clips_report
from azurite.server import free_port
from dagster_project.cli.demo_clip import make_demo_clip
from dagster_project.cli.home import open_instance
from dagster_project.definitions import build_defs
from dagster_project.partitions import cell_key, clips, grid
from dagster_project.settings import Settings
from stylize.names import clip_key
from stylize.records.uploads import UploadLedger, UploadVersion, find_uploads
from stylize.store.folder_store import FolderStore
from stylize.video.source.plan import MAX_SEGMENTS

RESULT: Final = Path(__file__).parent / "results" / "many_clips.json"
BIN: Final = Path(sys.executable).parent
TURNS: Final = 5
SETTLE_SECONDS: Final = 60.0
START_SECONDS: Final = 300.0
PAGE_SECONDS: Final = 120.0


def deliver_one(home: Path) -> str:
    """Deliver the demo clip by the command line, and report on it; returns its key."""
    source = home.with_name("demo.mp4")
    if not source.exists():
        make_demo_clip(source)
    subprocess.run([BIN / "stylize", "video", source, "--home", home], check=True, stdout=subprocess.DEVNULL)
    clip, defs = clip_key(source.name), build_defs(Settings(home=home))
    with open_instance(Settings(home=home)) as instance:  # what automation would do next
        defs.resolve_job_def("report_clip_job").execute_in_process(instance=instance, partition_key=clip)
        defs.resolve_job_def("report_all_clips_job").execute_in_process(instance=instance)
    return clip


def models_of(instance: dg.DagsterInstance, defs: dg.Definitions, clip: str) -> Iterator[dg.AssetMaterialization]:
    """What the delivery of ``clip`` left in the event log: the last of every asset, and of one used cell of the grid.

    Inputs come before what is made of them: else automation would take them for news.
    """
    graph = defs.resolve_asset_graph()
    for asset in graph.toposorted_asset_keys:
        partitions_def = graph.get(asset).partitions_def
        wanted = {clip} if partitions_def == clips else {cell_key(clip, 0)} if partitions_def == grid else set()
        for record in instance.fetch_materializations(asset, limit=1000).records:
            materialization = record.asset_materialization
            if materialization is not None and materialization.partition in wanted:
                yield materialization
                break


def fill(home: Path, clip: str, num_clips: int) -> None:
    """Add so many copies of ``clip`` to the event log, the partitions, the landing folder and the ledger."""
    settings = Settings(home=home)
    store = FolderStore(settings.store_dir)
    with open_instance(settings) as instance:
        models = list(models_of(instance, build_defs(settings), clip))
        for index in range(num_clips):
            copy = f"{clip}-{index:03d}"
            instance.add_dynamic_partitions(str(clips.name), [copy])
            for model in models:
                on_grid = "|" in str(model.partition)
                cells = [cell_key(copy, segment) for segment in range(MAX_SEGMENTS)] if on_grid else [copy]
                for cell in cells:
                    instance.report_runless_asset_event(model._replace(partition=cell, tags={}))
            store.put(f"landing/{copy}.mp4", f"clip {copy}".encode())
            print(f"\r  {index + 1} of {num_clips} clips", end="", flush=True)
        (whole,) = instance.fetch_materializations(all_clips_report.key, limit=1).records
        if whole.asset_materialization is not None:
            instance.report_runless_asset_event(whole.asset_materialization._replace(tags={}))
    print()
    ledger = UploadLedger(store)
    for upload in find_uploads(store.list("landing/")):
        ledger.write(UploadVersion.of(upload, "delivered"))


def tick_seconds(home: Path, *, since: float) -> dict[str, float]:
    """Of each sensor of the deployment: the longest tick that began after ``since``, in seconds since the epoch."""
    longest: dict[str, float] = {}
    with open_instance(Settings(home=home)) as instance:
        for state in instance.all_instigator_state():
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=since)
            taken = [tick.end_timestamp - tick.timestamp for tick in ticks if tick.end_timestamp is not None]
            if taken:
                longest[state.name] = max(taken)
    return longest


@contextmanager
def ui(home: Path) -> Iterator[str]:
    """The webserver, daemon and code server on ``home``; gives their address."""
    port = free_port()
    with (home / "ui.log").open("w") as log:
        command = [BIN / "stylize", "ui", "--home", home, "--port", str(port)]
        process = psutil.Process(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True).pid)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        family = [process, *process.children(recursive=True)]
        process.terminate()
        for survivor in psutil.wait_procs(family, timeout=30)[1]:
            with suppress(psutil.NoSuchProcess):
                survivor.kill()


def open_page(browser: Browser, url: str, path: str, sign: str) -> float:
    """Seconds until ``sign``, a text, is seen on a page that nothing is cached of."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    started = time.perf_counter()
    page.goto(url + path)
    expect(page.get_by_text(sign).first).to_be_visible(timeout=PAGE_SECONDS * 1000)
    seconds = time.perf_counter() - started
    context.close()
    return seconds


def measure(homes: dict[str, Path], pages: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Median seconds of pages, and longest of ticks, by name and home; the homes take turns."""
    taken: dict[str, dict[str, list[float]]] = {page: {name: [] for name in homes} for page in pages}
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": shutil.which("chromium"), "args": ["--no-sandbox"]}
        browser = playwright.chromium.launch(**options)
        with ui(homes["one clip"]) as small, ui(homes["archive"]) as large:
            urls = {"one clip": small, "archive": large}
            for url in urls.values():
                wait_for(lambda url=url: open_page(browser, url, "/asset-groups", "styling"))
            time.sleep(SETTLE_SECONDS)
            started = time.time()
            for _ in range(TURNS):
                for page, (path, sign) in pages.items():
                    for name, url in urls.items():
                        taken[page][name].append(open_page(browser, url, path, sign))
            time.sleep(SETTLE_SECONDS)
        browser.close()
    return {
        "page_seconds": {page: {name: statistics.median(of[name]) for name in of} for page, of in taken.items()},
        "tick_seconds": {name: tick_seconds(home, since=started) for name, home in homes.items()},
    }


def wait_for(attempt: Callable[[], object]) -> None:
    """Try until it works, for at most five minutes."""
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            attempt()
        except (Error, AssertionError):  # the server does not answer yet
            if time.monotonic() > end:
                raise
            time.sleep(2)
        else:
            return


def main() -> None:
    """Make the homes, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300, help="in the archive")
    parser.add_argument("--folder", type=Path, required=True, help="for both homes; kept, and used again if there")
    args = parser.parse_args()
    homes = {"one clip": args.folder / "one", "archive": args.folder / "archive"}
    args.folder.mkdir(parents=True, exist_ok=True)
    clip = clip_key("demo.mp4")
    if not homes["archive"].exists():
        clip = deliver_one(homes["one clip"])
        shutil.copytree(homes["one clip"], homes["archive"])
        fill(homes["archive"], clip, args.clips)
    pages = {
        "lineage": ("/asset-groups", "styling"),
        "asset": ("/assets/final_video", "Latest materialization"),
        "partitions": ("/assets/styled_frames?view=partitions", clip),
    }
    measured = measure(homes, pages)
    for page, seconds in measured["page_seconds"].items():
        print(f"{page:32} {seconds['one clip']:6.2f} s   with the archive {seconds['archive']:6.2f} s")
    for sensor, seconds in measured["tick_seconds"]["archive"].items():
        print(f"{sensor:32} {measured['tick_seconds']['one clip'][sensor]:6.2f} s   with the archive {seconds:6.2f} s")
    document = {"clips": args.clips, "segments": MAX_SEGMENTS, **measured}
    RESULT.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
