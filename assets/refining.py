"""Training the network of a style from one picture, so that it can be interrupted at any moment.

What lies in ``models/<style>/training/<order>/`` belongs to one training: the checkpoint from which it goes on, and the
previews. ``<order>`` is the digest of image and settings, so the same order is never carried out twice.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.style_loading import load_network_style, publish_style
from assets.style_training_config import FROM_SCRATCH, StyleTrainingConfig
from dagster_project.errors import StyleError
from dagster_project.video.limits import DecodeLimits
from resources.media_store import MediaStore
from resources.progress import Advance, Progress
from resources.records import StyleRecord, digest_of_file
from resources.store_layout import training_key
from resources.stylizer import StylizerResource
from resources.trained_styles import find_trained
from resources.training_material import find_loss_network, find_photographs

if TYPE_CHECKING:
    from dagster_project.style_transfer.metrics import StyleMetrics
    from dagster_project.style_transfer.network import TransformerNet
    from dagster_project.style_transfer.photographs import Photographs
    from dagster_project.style_transfer.pictures import Picture
    from dagster_project.style_transfer.recipe import TrainingRecipe
    from dagster_project.style_transfer.training import Previews, TrainingProgress
    from dagster_project.style_transfer.training_checkpoint import Checkpoints

CHECKPOINT = "checkpoint.safetensors"
SAMPLE_HEIGHT_PIXELS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """What came out of a training."""

    network: "TransformerNet"
    metrics: "StyleMetrics"
    sample_jpeg: bytes
    seconds: float
    losses: dict[str, float]
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleTraining:
    """Where and with what a style is trained.

    Attributes:
        store: of the models, and of the material.
        stylizer: device, and the style to start from.
        progress: where it is shown.
        limits: caps on videos that serve as photographs.
        folder: existing, for temporary files.
        clips: whose frames may serve as photographs.
    """

    store: MediaStore
    stylizer: StylizerResource
    progress: Progress
    limits: DecodeLimits
    folder: Path
    clips: Sequence[str] = field(default_factory=list)

    def train(self, style: str, image: Path, config: StyleTrainingConfig, *, name: str) -> StyleRecord:
        """The record of ``style``, trained from ``image`` as ``config`` says; nothing is done if it is there already.

        Args:
            style: its name.
            image: a picture file.
            config: what is asked for.
            name: what people call the file.

        Raises:
            StyleError: the image, a setting, or the material cannot be used.
        """
        from dagster_project.style_transfer.untrusted_pictures import read_untrusted_style_image

        painting = read_untrusted_style_image(image, self.folder, name=name)
        recipe = config.recipe()
        start, start_sha256 = self._network_to_start_from(style, config)
        image_sha256 = digest_of_file(image)
        order = config.order(image_sha256, network_sha256=start_sha256)
        present = find_trained(self.store, style)
        if present is not None and present.order == order and not config.restart:
            return present
        if config.restart:
            self.store.delete(training_key(style, order, CHECKPOINT))
        trained = self._run(style, order, painting, recipe, config, start)
        record = self._publish(style, order, trained, name=name, image_sha256=image_sha256)
        self.store.delete(training_key(style, order, CHECKPOINT))
        return record

    def _network_to_start_from(self, style: str, config: StyleTrainingConfig) -> "tuple[TransformerNet | None, str]":
        """The network, and the digest of its checkpoint; None and nothing for random weights."""
        from dagster_project.style_transfer.checkpoint import load_checkpoint

        if config.start_from == FROM_SCRATCH:
            return None, ""
        if config.start_from == style:
            raise StyleError(f"style {style!r} cannot start from itself; name another by --from, or 'scratch'")
        record = load_network_style(self.store, self.stylizer, config.start_from, self.folder)
        with self.store.as_file(record.model_key, self.folder, sha256=record.sha256) as file:
            return load_checkpoint(file), record.sha256

    def _run(
        self,
        style: str,
        order: str,
        painting: "Picture",
        recipe: "TrainingRecipe",
        config: StyleTrainingConfig,
        start: "TransformerNet | None",
    ) -> _Trained:
        from dagster_project.style_transfer.metrics import measure_style
        from dagster_project.style_transfer.pictures import encode_jpeg, side_by_side
        from dagster_project.style_transfer.training import preview, train_style

        started = time.monotonic()
        features = find_loss_network(self.store, config.features, self.folder)
        photographs = self._photographs(config, needed=recipe.needed_side)
        *seen, held_out = photographs.pictures if len(photographs.pictures) > 1 else photographs.pictures * 2
        with ExitStack() as stack:
            reporter = _Reporter(progress=self.progress, stack=stack)
            network = train_style(
                painting=painting,
                content=seen,
                features=features,
                recipe=recipe,
                initial=start,
                device=self.stylizer.resolve_engine().device,
                on_progress=reporter.report,
                previews=self._previews(style, order, held_out, every=config.preview_every),
                checkpoints=self._checkpoints(style, order, config),
            )
        metrics = measure_style(
            network, painting=painting, photographs=[held_out], features=features, style_side=recipe.style_side
        )
        pair = side_by_side(held_out, preview(network, held_out), height=SAMPLE_HEIGHT_PIXELS)
        return _Trained(
            network=network,
            metrics=metrics,
            sample_jpeg=encode_jpeg(pair, quality=85),
            seconds=time.monotonic() - started,
            losses=reporter.losses,
            recipe=recipe.to_dict()
            | {
                "initial": config.start_from,
                "loss_network": features.name,
                "photographs": photographs.names[:-1],
                "held_out": photographs.names[-1:],
            },
        )

    def _photographs(self, config: StyleTrainingConfig, *, needed: int) -> "Photographs":
        found = find_photographs(
            self.store,
            [Path(place).expanduser() for place in config.content],
            clips=self.clips,
            needed=needed,
            scratch=self.folder,
            limits=self.limits,
        )
        for note in found.notes:
            self.progress.say(f"note: {note}")
        return found

    def _previews(self, style: str, order: str, photograph: "Picture", *, every: int) -> "Previews":
        from dagster_project.style_transfer.pictures import encode_jpeg
        from dagster_project.style_transfer.training import Previews

        def show(iteration: int, painted: "Picture") -> None:
            key = training_key(style, order, f"preview-{iteration:05d}.jpg")
            self.store.put(key, encode_jpeg(painted))
            self.progress.say(f"preview: {self.store.location(key)}")

        return Previews(photograph=photograph, every=every, show=show)

    def _checkpoints(self, style: str, order: str, config: StyleTrainingConfig) -> "Checkpoints":
        from dagster_project.style_transfer.training_checkpoint import Checkpoints

        key = training_key(style, order, CHECKPOINT)
        return Checkpoints(
            read=lambda: self.store.read_bytes(key) if self.store.stat(key) else None,
            write=lambda content: self.store.put(key, content),
            every=config.checkpoint_every,
        )

    def _publish(self, style: str, order: str, trained: _Trained, *, name: str, image_sha256: str) -> StyleRecord:
        from dagster_project.style_transfer.style_file import save_style_file

        title = style.replace("-", " ").capitalize()
        metrics = {key: float(f"{value:.4g}") for key, value in trained.metrics.to_dict().items()}
        card = {
            "title": title,
            "painting": name,
            "artist": "",
            "year": "",
            "source": f"image with SHA-256 {image_sha256}",
            "licence": "as that of the image",
            "description": f"Trained from {name}.",
            "network": trained.network.size.to_dict(),
            "recipe": trained.recipe,
            "metrics": metrics,
        }
        file = self.folder / "model.safetensors"
        save_style_file(trained.network, file, card=card, sample_jpeg=trained.sample_jpeg)
        sample_key = training_key(style, order, "sample.jpg")
        self.store.put(sample_key, trained.sample_jpeg)
        return publish_style(
            self.store,
            style,
            file,
            title=title,
            description=card["description"],
            order=order,
            image_sha256=image_sha256,
            recipe=trained.recipe,
            metrics=metrics,
            losses=trained.losses,
            seconds=round(trained.seconds, 1),
            sample_key=sample_key,
        )


@dataclass(slots=True, kw_only=True)
class _Reporter:
    """Hands on how far training is; the stage begins with the first iteration, which may not be number 1."""

    progress: Progress
    stack: ExitStack
    losses: dict[str, float] = field(default_factory=dict)
    advance: Advance | None = None

    def report(self, now: "TrainingProgress") -> None:
        """Show an iteration."""
        if self.advance is None:
            done = now.iteration - 1
            if done:
                self.progress.say(f"training goes on after iteration {done}")
            stage = self.progress.track("train", total=now.iterations, done=done, unit="iterations")
            self.advance = self.stack.enter_context(stage)
        self.advance(1, now.describe_losses())
        self.losses = {"style": now.style, "content": now.content, "tone": now.tone, "shift": now.shift}
