"""``stylize train``: a new style from a picture of a painting."""

from dataclasses import dataclass
from pathlib import Path

from assets.style_training_config import StyleTrainingConfig
from dagster_project.cli.home import clean_up_after_killed_processes, open_instance, prepare_home
from dagster_project.cli.interrupts import Interrupts
from dagster_project.cli.progress_bars import ProgressBars
from dagster_project.cli.runs import LocalRuns
from dagster_project.cli.terminal import open_console
from dagster_project.definitions import build_defs
from dagster_project.errors import StyleError
from dagster_project.partitions import slugify, styles
from dagster_project.settings import Settings
from resources.build import build_resources
from resources.folder_store import FolderStore
from resources.records import StyleRecord
from resources.store_layout import style_record_key
from resources.style_uploads import CHECKPOINT_SUFFIXES, check_style_name, find_style_upload, upload_checkpoint
from resources.stylizer import StylizerResource


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport:
    """What ``stylize train`` tells its user."""

    record: StyleRecord
    sample_path: str

    def lines(self) -> list[str]:
        """The summary for people."""
        record = self.record
        metrics = record.metrics
        return [
            f"style {record.style}: {record.recipe['iterations']} iterations from {record.recipe['initial']}",
            f"style loss: {metrics['style_loss_ratio']:.1%} of the plain photograph's; flicker (warping error):"
            f" {metrics['warping_error'] * 1e3:.2f}e-3",
            f"sample: {self.sample_path}",
            f"next: stylize video YOUR.mp4 --style {record.style}",
        ]


def train_from_painting(
    painting: Path, *, settings: Settings, name: str | None, config: StyleTrainingConfig
) -> TrainReport:
    """Train a style from the picture ``painting`` on the local home, going on where an earlier attempt stopped.

    Args:
        painting: a picture file.
        settings: of the home.
        name: of the style; by default that of the file.
        config: the rest; its ``start_from`` may be a checkpoint file.

    Raises:
        StylizeError: with the one line that the user needs.
    """
    console = open_console()
    store = prepare_home(settings)
    stylizer: StylizerResource = build_resources(settings)["stylizer"]
    style = _check_name(store, stylizer, name or slugify(painting.stem))
    if config.start_from.endswith(CHECKPOINT_SUFFIXES):
        config = config.model_copy(update={"start_from": upload_checkpoint(store, Path(config.start_from))})
    features = Path(config.features).expanduser()
    loss_network = str(features.absolute()) if features.is_file() else config.features
    config = config.model_copy(update={"painting": str(painting), "features": loss_network})
    bars, interrupts = ProgressBars(console), Interrupts()
    definitions = build_defs(settings, {"progress": bars})
    with open_instance(settings) as instance, interrupts.noticed(), bars.shown():
        clean_up_after_killed_processes(settings, instance, store)
        instance.add_dynamic_partitions(str(styles.name), [style])
        runs = LocalRuns(definitions, instance, interrupts)
        runs.run("load_style_job", partition_key=style, config={"style_model": config.model_dump(exclude_none=True)})
    record = StyleRecord.read(store, style_record_key(style))
    return TrainReport(record=record, sample_path=store.location(record.sample_key))


def _check_name(store: FolderStore, stylizer: StylizerResource, name: str) -> str:
    """``name`` if it is free for a style of the user's own.

    Raises:
        StyleError: it cannot name a style, or names a shipped or an uploaded one.
    """
    style = check_style_name(name)
    if style in stylizer.shipped():
        raise StyleError(f"{style!r} is a shipped style; choose another --name")
    upload = find_style_upload(store, style)
    if upload is not None:
        raise StyleError(
            f"style {style!r} is what {upload.name!r} in landing/styles/ says; remove it, or choose another --name"
        )
    return style
