"""``stylize refine``: the networks of one painting, brought nearer to its strokes."""

from dataclasses import dataclass
from pathlib import Path

from assets.refine_config import RefineConfig
from dagster_project.cli.home import clean_up_after_killed_processes, open_instance, prepare_home
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.progress_bars import ProgressBars
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import open_console
from dagster_project.definitions import build_defs
from dagster_project.partitions import styles
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.stylizer import StylizerResource
from stylize.errors import StyleError
from stylize.names import slugify
from stylize.records.records import StyleRecord
from stylize.records.style_uploads import check_style_name, find_style_upload
from stylize.store.folder_store import FolderStore
from stylize.store.keys import style_record_key
from stylize.style.controls.quality import QUALITIES
from stylize.style.looks.table import LooksRow, failures


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineReport:
    """What ``stylize refine`` tells its user."""

    record: StyleRecord
    sample_path: str

    def lines(self) -> list[str]:
        """The summary for people."""
        record = self.record
        return [
            f"style {record.style}: refined by {record.recipe['iterations']} iterations for each quality",
            *(_describe_looks(LooksRow.of(record.style, quality, record.metrics)) for quality in QUALITIES),
            f"sample: {self.sample_path}",
            f"next: stylize video YOUR.mp4 --style {record.style}",
        ]


def _describe_looks(row: LooksRow) -> str:
    """Whether what one photograph tells would let the style ship; see docs/looks.md."""
    return f"looks, quality {row.quality}: {'; '.join(failures(row)) or 'good'}"


def refine_painting(painting: Path, *, settings: Settings, name: str | None, config: RefineConfig) -> RefineReport:
    """Refine a style on the local home, going on where an earlier attempt stopped.

    Args:
        painting: a picture file, or the name of a style whose picture lies in ``landing/styles/``.
        settings: of the home.
        name: of the style; by default that of the file.
        config: the rest.

    Raises:
        StylizeError: with the one line that the user needs.
    """
    console = open_console()
    store = prepare_home(settings)
    if name is None and not painting.exists() and _is_picture_style(store, painting.name):
        style = painting.name
    else:
        stylizer: StylizerResource = build_resources(settings)["stylizer"]
        style = _check_name(store, stylizer, name or slugify(painting.stem))
        config = config.model_copy(update={"painting": str(painting)})
    bars, interrupts = ProgressBars(console), Interrupts()
    definitions = build_defs(settings, {"progress": bars})
    with open_instance(settings) as instance, interrupts.noticed(), bars.shown():
        clean_up_after_killed_processes(settings, instance, store)
        instance.add_dynamic_partitions(str(styles.name), [style])
        runs = LocalRuns(definitions, instance, interrupts)
        runs.run("load_style_job", partition_key=style, config={"style_model": config.model_dump(exclude_none=True)})
    record = StyleRecord.read(store, style_record_key(style))
    return RefineReport(record=record, sample_path=store.location(record.sample_key))


def _is_picture_style(store: FolderStore, name: str) -> bool:
    upload = find_style_upload(store, name)
    return upload is not None and upload.is_image


def _check_name(store: FolderStore, stylizer: StylizerResource, name: str) -> str:
    """``name`` if it can be that of a style of the user's own; the picture that it may have already is looked at later.

    Raises:
        StyleError: it cannot name a style, or names a shipped or an uploaded one.
    """
    style = check_style_name(name)
    if style in stylizer.shipped():
        raise StyleError(f"{style!r} is a shipped style; choose another --name")
    upload = find_style_upload(store, style)
    if upload is not None and not upload.is_image:
        raise StyleError(
            f"style {style!r} is what {upload.name!r} in landing/styles/ says; remove it, or choose another --name"
        )
    return style
