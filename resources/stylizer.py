"""What styles there are, and the transform that paints frames in one of them.

Everything torch lives behind functions that import it when called, so that the code server starts fast and without
CUDA.
"""

import dataclasses
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from dagster_project.settings import Device, Precision
from stylize.errors import StyleError
from stylize.frame_transform import FrameTransform
from stylize.other_transforms import KEY_PREFIX, is_other_transform, make_other_transform
from stylize.records.records import ClipSettings
from stylize.records.refined_styles import refined_styles
from stylize.records.style_uploads import sort_style_uploads
from stylize.store.keys import LANDING_STYLES
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import Controls
from stylize.style.controls.quality import Quality

if TYPE_CHECKING:
    from stylize.style.engines.engine_choice import EngineChoice


class StylizerResource(dg.ConfigurableResource):
    """The shipped styles and the engine that applies a style."""

    styles_dir: str = Field(description="Folder of the shipped styles.")
    default_style: str = Field(description="Style of a clip that names none.")
    default_quality: Quality = Field(default="standard", description="Quality of a clip that names none.")
    device: Device = Field(description="Where frames are styled; auto takes a CUDA device if there is one.")
    precision: Precision = Field(description="Arithmetic of the network; auto takes the fastest the device does well.")
    on_gpu_pods: bool = Field(default=False, description="Frames are styled in pods that have GPUs; others have none.")
    frame_transforms: dict[str, str] = Field(
        default={}, description="Other frame transforms by name: package.module:callable that makes each."
    )

    def resolve_engine(self) -> "EngineChoice":
        """The engine, the device and the precision, with "auto" decided on this machine.

        Raises:
            StyleError: a CUDA device is demanded and there is none.
        """
        from stylize.style.engines.engine import choose_engine

        return choose_engine(device=self.device, precision=self.precision, width=1, height=1)

    def engine_of_clips(self) -> "EngineChoice":
        """The engine that a clip is given: decided on this machine unless others style.

        Raises:
            StyleError: a CUDA device is demanded, and the machine that should have one has none.
        """
        from stylize.style.engines.engine_choice import choose_gpu_elsewhere

        return choose_gpu_elsewhere(precision=self.precision) if self.on_gpu_pods else self.resolve_engine()

    def transform(
        self,
        store: MediaStore,
        settings: ClipSettings,
        *,
        width: int,
        height: int,
        scratch: Path,
        memory_steps_down: int = 0,
        own_style_key: str | None = None,
    ) -> FrameTransform:
        """The transform that ``settings`` name, for frames of ``width`` x ``height`` pixels.

        Args:
            store: where the checkpoints lie.
            settings: the look.
            width: of the frames.
            height: of the frames.
            scratch: an existing folder for temporary files.
            memory_steps_down: so many earlier processes that painted such frames were stopped for lack of memory: a
                style takes less each time; other transforms do as they like.
            own_style_key: where the clip's own style lies, for a style weight below 1.

        Raises:
            StyleError: it cannot be made here, or its code is another than when it was chosen.
        """
        from stylize.style.engines.engine import StyleTransform, choose_engine

        controls, second = settings.controls, settings.second
        # Frames and the pictures that the network is shown are held in the same batches: the larger ones decide.
        larger = max((height, width), controls.working_size(width=width, height=height))
        choice = choose_engine(
            device=settings.device,
            precision=settings.precision,
            engine=settings.engine,
            width=larger[1],
            height=larger[0],
        )

        options: dict[str, Any] = {"quality": settings.quality, "memory_steps_down": memory_steps_down}

        def load(key: str, sha256: str) -> FrameTransform:
            if is_other_transform(key):
                return _same_transform(key, sha256, choice.device, width=larger[1], height=larger[0])
            with store.as_file(key, scratch, sha256=sha256) as checkpoint:
                return StyleTransform.from_checkpoint(checkpoint, choice, **options)

        mixed_in: list[tuple[str, str | None, float]] = []
        if second is not None:
            mixed_in.append((second.model_key, second.model_sha256, second.share))
        if own_style_key is not None:
            mixed_in.append((own_style_key, None, 1 - settings.style_weight))
        if mixed_in and not any(map(is_other_transform, (settings.model_key, *(key for key, _, _ in mixed_in)))):
            with ExitStack() as files:
                first = files.enter_context(store.as_file(settings.model_key, scratch, sha256=settings.model_sha256))
                others = [
                    (files.enter_context(store.as_file(key, scratch, sha256=sha256)), share)
                    for key, sha256, share in mixed_in
                ]
                blended = StyleTransform.blended(first, others, choice, **options)
            if blended is not None:
                return _controlled(blended, dataclasses.replace(controls, share=0.0))
        if own_style_key is not None:  # clip_settings refuses it; painting without the weight would be another look
            raise StyleError(f"style {settings.style!r} has no network in common with the clip's own style")
        network = load(settings.model_key, settings.model_sha256)
        return _controlled(network, controls, load(second.model_key, second.model_sha256) if second else None)

    def shipped(self) -> dict[str, str]:
        """The shipped styles: name and one line about each, in order."""
        from stylize.style.library import list_styles

        return {card.name: f"{card.title}. {card.description}" for card in list_styles(Path(self.styles_dir))}

    def known(self, store: MediaStore) -> list[str]:
        """Names of all styles that a clip can be given, in order: shipped, uploaded, and refined here."""
        return sorted(
            {
                *self.shipped(),
                *self.frame_transforms,
                *refined_styles(store),
                *sort_style_uploads(store.list(LANDING_STYLES)).by_style,
            }
        )


def _controlled(network: FrameTransform, controls: Controls, second: FrameTransform | None = None) -> FrameTransform:
    from stylize.style.controls.controlled import ControlledTransform

    return network if controls == Controls() else ControlledTransform(network, controls, second=second)


def _same_transform(key: str, digest: str, device: str, *, width: int, height: int) -> FrameTransform:
    transform = make_other_transform(key, device=device, width=width, height=height)
    if transform.digest != digest:
        raise StyleError(
            f"frame transform {key.removeprefix(KEY_PREFIX)!r} is another here than when it was chosen: materialize"
            " clip_settings again, and deploy one version everywhere"
        )
    return transform
