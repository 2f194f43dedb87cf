"""Make the pictures of docs/styles.md: what each control does to photographs that scikit-image carries.

Run by hand: ``python bench/make_control_pictures.py`` writes to ``docs/images/controls-*.jpg``, in a few minutes.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image

from stylize.frame_transform import FrameTransform, Picture
from stylize.style.checkpoint import load_checkpoint
from stylize.style.controls.controlled import ControlledTransform
from stylize.style.controls.controls import Controls
from stylize.style.controls.guided_upsampling import resize
from stylize.style.engines.engine import EngineChoice, StyleTransform, choose_engine
from stylize.style.network.any_painting import networks_for
from stylize.style.network.blending import interpolate
from stylize.style.refining.refine import preview

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
STYLE_SCALE = 0.025
SMALL, LARGE = (854, 480), (1920, 1080)
PANEL_WIDTH, GAP = 380, 8
DETAIL = (1290, 90, 1670, 350)  # left, top, right, bottom, of the large picture: the motorcycle
VIEW = (1120, 0, 1920, 540)


def main() -> None:
    """Make all of them."""
    astronaut, coffee, cat = skimage.data.astronaut()[:384], skimage.data.coffee(), skimage.data.chelsea()
    wave, scream, night = _style("great-wave"), _style("scream"), _style("starry-night")
    half = ControlledTransform(wave, Controls(strength=0.5))
    _save("strength", [astronaut, _paint(half, astronaut), _paint(wave, astronaut)])
    kept = ControlledTransform(scream, Controls(keep_colors=True))
    _save("keep-colors", [coffee, _paint(scream, coffee), _paint(kept, coffee)])
    _save("blend", [_paint(night, cat), _paint(_blend("starry-night", "scream"), cat), _paint(scream, cat)])
    _show_style_weight()
    _show_style_scale(wave)
    _show_steady_shots(scream, cat)


def _show_steady_shots(style: StyleTransform, before: Picture) -> None:
    """A picture, and what becomes of it when a bright wall enters from the left."""
    entered = before.copy()
    entered[:, : before.shape[1] * 2 // 5] = (252, 250, 244)
    free = [_paint(style, picture) for picture in (before, entered)]
    style.freeze_shot(style.measure_shot(before[None]))
    _save("steady-shots", [*free, _paint(style, entered)])
    style.freeze_shot([{}])


def _show_style_scale(style: StyleTransform) -> None:
    """The same wall of photographs at 480p and at 1080p, and what restoring detail adds to plain enlarging."""
    large = _wall_of_photographs()
    small = np.asarray(Image.fromarray(large).resize(SMALL, Image.Resampling.BOX))
    scaled = ControlledTransform(style, Controls(style_scale=STYLE_SCALE))
    delivery, preview_480p, unscaled = _paint(scaled, large), _paint(scaled, small), _paint(style, large)
    ratio = SMALL[1] / LARGE[1]
    small_view = tuple(round(edge * ratio) for edge in VIEW)
    _save("style-scale", [_crop(preview_480p, small_view), _crop(delivery, VIEW), _crop(unscaled, VIEW)])
    painted = torch.from_numpy(_paint(style, small)).permute(2, 0, 1)[None].float()
    enlarged = resize(painted, (LARGE[1], LARGE[0]))[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8).numpy()
    _save("style-scale-detail", [_crop(picture, DETAIL) for picture in (large, enlarged, delivery)])


def _show_style_weight() -> None:
    """From a photograph's own style to the painting's."""
    portrait = skimage.data.astronaut()[:384]
    own = networks_for(portrait)["best"]
    style = load_checkpoint(_model("scream"), "best")
    weighted = [interpolate(own, style, weight) for weight in (0, 0.33, 0.66, 1)]
    _save("style-weight", [portrait, *(preview(network, portrait) for network in weighted)])


def _wall_of_photographs() -> Picture:
    """1920x1080 with real detail at every pixel: photographs at their own size, side by side."""
    wall = Image.new("RGB", LARGE, (70, 64, 58))
    left, _, _ = skimage.data.stereo_motorcycle()
    hubble = skimage.data.hubble_deep_field()[100:620, 100:860]
    hung = [
        (skimage.data.astronaut(), (20, 14)),
        (skimage.data.coffee(), (552, 20)),
        (left, (1172, 14)),
        (skimage.data.chelsea(), (20, 560)),
        (skimage.data.rocket(), (490, 536)),
        (hubble, (1150, 540)),
    ]
    for photograph, place in hung:
        wall.paste(Image.fromarray(photograph), place)
    return np.asarray(wall)


@cache
def _style(name: str) -> StyleTransform:
    return StyleTransform.from_checkpoint(_model(name), _choice())


def _blend(first: str, second: str) -> StyleTransform:
    """Half of each."""
    blended = StyleTransform.blended(_model(first), [(_model(second), 0.5)], _choice(), quality="best")
    if blended is None:
        raise SystemExit(f"{first} and {second} have no network in common")
    return blended


def _model(name: str) -> Path:
    return ROOT / "styles" / name / "model.safetensors"


def _choice() -> EngineChoice:
    return choose_engine(device="cpu", width=LARGE[0], height=LARGE[1])


def _paint(transform: FrameTransform, picture: Picture) -> Picture:
    return transform(picture[None])[0]


def _crop(picture: Picture, box: Sequence[int]) -> Picture:
    left, top, right, bottom = box
    return picture[top:bottom, left:right]


def _save(name: str, pictures: list[Picture]) -> None:
    """Side by side, each as wide as a panel."""
    panels = [Image.fromarray(picture) for picture in pictures]
    height = max(round(panel.height * PANEL_WIDTH / panel.width) for panel in panels)
    row = Image.new("RGB", (len(panels) * (PANEL_WIDTH + GAP) - GAP, height), "white")
    for index, panel in enumerate(panels):
        row.paste(panel.resize((PANEL_WIDTH, height), Image.Resampling.LANCZOS), (index * (PANEL_WIDTH + GAP), 0))
    row.save(IMAGES / f"controls-{name}.jpg", quality=85, optimize=True)


if __name__ == "__main__":
    main()
