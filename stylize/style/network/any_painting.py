"""Any painting as a style, at once: its 100 numbers put into the networks that we ship, one for each quality."""

import hashlib
from pathlib import Path

import torch
from safetensors import safe_open

from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.network.blending import can_interpolate
from stylize.style.network.conditional import ConditionalNet
from stylize.style.network.network import ANY_PAINTING_SIZE, SLIM_SIZE, TransformerNet
from stylize.style.network.quarter_network import QuarterNet, QuarterSize
from stylize.style.network.style_network import StyleNet
from stylize.style.network.style_prediction import load_predictor, predict_style
from stylize.style.pictures import Picture

FAST_SIZE = QuarterSize(channels=64, blocks=4)

WEIGHTS = Path(__file__).parents[1] / "weights"


def load_conditional(quality: Quality, weights: Path = WEIGHTS) -> ConditionalNet:
    """The network of ``quality`` for all styles, in evaluation mode, float32, without gradients."""
    network = ConditionalNet(_empty(quality))
    with safe_open(weights / f"{quality}.safetensors", framework="pt") as stored:
        network.load_state_dict({name: stored.get_tensor(name).float() for name in stored.keys()})  # noqa: SIM118
    if isinstance(network.network, QuarterNet):
        network.network.equalize_pixels_()  # the file's 16 bits round it away
    return network.eval().requires_grad_(False)


def networks_for(*pictures: Picture) -> dict[Quality, StyleNet]:
    """The networks that paint like ``pictures``, uint8 RGB ``(H, W, 3)``, of every quality.

    Several pictures are one style, halfway between theirs. The pictures may be the frames that are to be painted: the
    style that they have themselves changes them least, see Ghiasi et al., "Exploring the structure of a real-time,
    arbitrary neural artistic stylization network", 2017.
    """
    predictor = load_predictor()
    vector = torch.stack([predict_style(predictor, picture) for picture in pictures]).mean(dim=0)
    return {quality: load_conditional(quality).with_style(vector) for quality in QUALITIES}


def is_any_painting(network: StyleNet, quality: Quality) -> bool:
    """Whether ``network`` was made or refined from that of ``quality`` for all styles."""
    return can_interpolate(network, _empty(quality))


def _empty(quality: Quality) -> StyleNet:
    if quality == "fast":
        return QuarterNet(FAST_SIZE)
    return TransformerNet(ANY_PAINTING_SIZE if quality == "best" else SLIM_SIZE)


def networks_digest() -> str:
    """SHA-256 (hex) of all weights that :func:`networks_for` uses."""
    digest = hashlib.sha256()
    for name in ("style_prediction", *QUALITIES):
        digest.update((WEIGHTS / f"{name}.safetensors").read_bytes())
    return digest.hexdigest()
