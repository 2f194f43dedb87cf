"""Refining the networks of a painting, so that it can be interrupted at any moment.

What lies in ``models/<style>/refining/<order>/`` belongs to one order: the checkpoints from which it goes on, one for
each quality, the previews and the sample. ``<order>`` is the digest of picture, recipe and networks to start from, so
the same order is never carried out twice.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.refine_config import RefineConfig
from assets.style_loading import publish_style, title_of
from resources.progress import Advance, Progress
from resources.stylizer import StylizerResource
from stylize.records.photographs import find_photographs
from stylize.records.records import StyleRecord, digest_of_file
from stylize.records.refined_styles import find_refined
from stylize.sandbox.limits import DecodeLimits
from stylize.store.keys import refining_key
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import USUAL_STYLE_SCALE
from stylize.style.controls.quality import QUALITIES, Quality

if TYPE_CHECKING:
    from stylize.style.network.style_network import StyleNet
    from stylize.style.pictures import Picture
    from stylize.style.refining.photographs import Photographs
    from stylize.style.refining.refine import Previews, RefineProgress
    from stylize.style.refining.refine_checkpoint import Checkpoints

SAMPLE = "sample.jpg"
SAMPLE_HEIGHT_PIXELS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refined:
    """What came out of refining."""

    networks: "dict[Quality, StyleNet]"
    metrics: dict[str, float]
    sample_jpeg: bytes
    seconds: float
    losses: dict[str, float]
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRefining:
    """Where and with what a style is refined.

    Attributes:
        store: of the models, and of the photographs.
        stylizer: device, and the quality in which the sample is painted.
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

    def refine(self, style: str, image: Path, config: RefineConfig, *, name: str) -> StyleRecord:
        """The record of ``style``, refined on ``image`` as ``config`` says; nothing is done if it is there already.

        Args:
            style: its name.
            image: a picture of the painting, a file.
            config: what is asked for.
            name: what people call the file.

        Raises:
            StyleError: the picture, a setting, or the photographs cannot be used.
        """
        from stylize.style.network.any_painting import networks_digest
        from stylize.style.untrusted_pictures import read_untrusted_style_image

        painting = read_untrusted_style_image(image, self.folder, name=name)
        image_sha256 = digest_of_file(image)
        order = config.order(image_sha256, networks_sha256=networks_digest())
        present = find_refined(self.store, style)
        if present is not None and present.order == order and not config.restart:
            return present
        if config.restart:
            self._delete_checkpoints(style, order)
        refined = self._run(style, order, painting, config)
        record = self._publish(style, order, refined, name=name, image_sha256=image_sha256)
        self._delete_checkpoints(style, order)
        return record

    def _run(self, style: str, order: str, painting: "Picture", config: RefineConfig) -> _Refined:
        from stylize.style.looks.network import measure_network
        from stylize.style.pictures import encode_jpeg, side_by_side
        from stylize.style.refining.refine import preview, refine_style

        started, recipe = time.monotonic(), config.recipe()
        photographs = self._photographs(config, needed=recipe.needed_side)
        *seen, held_out = photographs.pictures
        *seen_names, held_out_name = photographs.names
        if not seen:
            seen, seen_names = [held_out], [held_out_name]
        with ExitStack() as stack:
            reporter = _Reporter(progress=self.progress, stack=stack)
            networks = refine_style(
                painting=painting,
                photographs=seen,
                recipe=recipe,
                device=self.stylizer.resolve_engine().device,
                on_progress=reporter.report,
                previews=self._previews(style, order, held_out, every=config.preview_every),
                checkpoints={quality: self._checkpoints(style, order, quality, config) for quality in QUALITIES},
            )
        pair = side_by_side(
            held_out, preview(networks[self.stylizer.default_quality], held_out), height=SAMPLE_HEIGHT_PIXELS
        )
        rows = [measure_network(net, held_out, name=style, quality=name) for name, net in networks.items()]
        return _Refined(
            networks=networks,
            metrics={f"{row.quality}_{column}": value for row in rows for column, value in row.measured().items()},
            sample_jpeg=encode_jpeg(pair, quality=85),
            seconds=round(time.monotonic() - started, 1),
            losses=reporter.losses,
            recipe=recipe.to_dict() | {"photographs": seen_names, "held_out": held_out_name},
        )

    def _photographs(self, config: RefineConfig, *, needed: int) -> "Photographs":
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
        from stylize.style.pictures import encode_jpeg
        from stylize.style.refining.refine import Previews

        def show(quality: Quality, iteration: int, painted: "Picture") -> None:
            key = refining_key(style, order, f"preview-{quality}-{iteration:05d}.jpg")
            self.store.put(key, encode_jpeg(painted))
            self.progress.say(f"preview: {self.store.location(key)}")

        return Previews(photograph=photograph, every=every, show=show)

    def _checkpoints(self, style: str, order: str, quality: Quality, config: RefineConfig) -> "Checkpoints":
        from stylize.style.refining.refine_checkpoint import Checkpoints

        key = _checkpoint_key(style, order, quality)
        return Checkpoints(
            read=lambda: self.store.read_bytes(key) if self.store.stat(key) else None,
            write=lambda content: self.store.put(key, content),
            every=config.checkpoint_every,
        )

    def _delete_checkpoints(self, style: str, order: str) -> None:
        for quality in QUALITIES:
            self.store.delete(_checkpoint_key(style, order, quality))

    def _publish(self, style: str, order: str, refined: _Refined, *, name: str, image_sha256: str) -> StyleRecord:
        from stylize.style.style_file import save_style_file

        card = {
            "title": title_of(style),
            "painting": name,
            "source": f"picture with SHA-256 {image_sha256}",
            "license": "as that of the picture",
            "description": f"From the picture {name}, refined.",
            "style_scale": USUAL_STYLE_SCALE,
            "recipe": refined.recipe,
            "metrics": refined.metrics,
        }
        file = self.folder / "model.safetensors"
        save_style_file(refined.networks, file, card=card, sample_jpeg=refined.sample_jpeg)
        sample_key = refining_key(style, order, SAMPLE)
        self.store.put(sample_key, refined.sample_jpeg)
        return publish_style(
            self.store,
            style,
            file,
            title=card["title"],
            description=card["description"],
            style_scale=USUAL_STYLE_SCALE,
            order=order,
            image_sha256=image_sha256,
            recipe=refined.recipe,
            metrics=refined.metrics,
            losses=refined.losses,
            seconds=refined.seconds,
            sample_key=sample_key,
        )


def _checkpoint_key(style: str, order: str, quality: Quality) -> str:
    return refining_key(style, order, f"checkpoint-{quality}.safetensors")


@dataclass(slots=True, kw_only=True)
class _Reporter:
    """Hands on how far refining is; the stage begins with the first iteration, which may not be number 1."""

    progress: Progress
    stack: ExitStack
    losses: dict[str, float] = field(default_factory=dict)
    advance: Advance | None = None

    def report(self, now: "RefineProgress") -> None:
        """Show an iteration."""
        if self.advance is None:
            done = now.iteration - 1
            if done:
                self.progress.say(f"refining goes on after iteration {done}")
            stage = self.progress.track("refine", total=now.iterations, done=done, unit="iterations")
            self.advance = self.stack.enter_context(stage)
        self.advance(1, now.describe())
        self.losses |= {f"{now.quality}_{name}": float(f"{value:.4g}") for name, value in now.distances.items()}
