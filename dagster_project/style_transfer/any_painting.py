"""Any painting as a style, at once: its 100 numbers put into the networks that we ship, one for each quality."""

import hashlib
from pathlib import Path

from safetensors import safe_open

from dagster_project.style_transfer.conditional import ConditionalNet
from dagster_project.style_transfer.network import ANY_PAINTING_SIZE, SLIM_SIZE, TransformerNet
from dagster_project.style_transfer.pictures import Picture
from dagster_project.style_transfer.quality import QUALITIES, Quality
from dagster_project.style_transfer.quarter_network import QuarterNet, QuarterSize
from dagster_project.style_transfer.style_network import StyleNet
from dagster_project.style_transfer.style_prediction import load_predictor, predict_style

FAST_SIZE = QuarterSize(channels=64, blocks=4)

WEIGHTS = Path(__file__).parent / "weights"


def load_conditional(quality: Quality) -> ConditionalNet:
    """The network of ``quality`` for all styles, in evaluation mode, float32, without gradients."""
    network = ConditionalNet(_empty(quality))
    with safe_open(WEIGHTS / f"{quality}.safetensors", framework="pt") as stored:
        network.load_state_dict({name: stored.get_tensor(name).float() for name in stored.keys()})  # noqa: SIM118
    if isinstance(network.network, QuarterNet):
        network.network.equalize_pixels_()  # the file's 16 bits round it away
    return network.eval().requires_grad_(False)


def networks_for(painting: Picture) -> dict[Quality, StyleNet]:
    """The networks that paint like ``painting``, uint8 RGB ``(H, W, 3)``, of every quality."""
    vector = predict_style(load_predictor(), painting)
    return {quality: load_conditional(quality).with_style(vector) for quality in QUALITIES}


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
