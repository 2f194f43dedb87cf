"""Train a style network from one painting.

The recipe was settled by experiment (docs/architecture.md): relative losses, one-cycle Adam, small crops, and a term
that punishes a picture for being painted differently when the camera moves by a few pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from dagster_project.errors import StyleError
from dagster_project.style_transfer import losses
from dagster_project.style_transfer.features import LossFeatures
from dagster_project.style_transfer.network import DEFAULT_SIZE, MULTIPLE, NetworkSize, TransformerNet

Picture = npt.NDArray[np.uint8]
"""RGB, shape ``(H, W, 3)``, values 0..255."""

OUTPUT_SCALE = 64.0
"""Spread of the pixel values that an untrained network paints, and the ratio of its last layer's learning rate to the
rest.

The last layer alone has to reach 0..255 from activations of about one. Its weights begin this much larger and move this
much faster, which is the same as training a network with outputs of about one and multiplying them at the end.
"""


MIN_STYLE_SIDE = 32
"""A painting smaller than this vanishes in the strides of the loss networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """All that decides what training yields, besides the painting, the photographs and the loss network.

    Attributes:
        size: of the network; ignored when training goes on from an existing one.
        iterations: 600 from scratch and 300 from an existing style give a picture that people accept.
        batch_size: crops per iteration; each is repainted in two windows.
        crop_size: side of a window in pixels, a multiple of 4.
        style_side: the shorter side to which the painting is resized, in pixels: larger makes larger strokes.
        max_shift: largest camera movement between the two windows, in pixels.
        style_weight: of ``style_loss``. From 4 to 24 strokes and palette grow stronger.
        content_weight: of ``content_loss``.
        tone_weight: of ``tone_loss``. Without it, a style weight of 24 lost faces altogether.
        smoothness_weight: of ``total_variation``.
        shift_weight: of ``shift_error``. Has to grow with the style weight, or the film flickers.
        learning_rate: peak of the one-cycle schedule.
        clip_norm: largest norm of the gradient.
        noise: standard deviation of the noise on the second window, of 255.
        gain: largest change of the second window's brightness, as a factor.
        seed: of weights, crops, movements and noise.
    """

    size: NetworkSize = DEFAULT_SIZE
    iterations: int = 600
    batch_size: int = 4
    crop_size: int = 160
    style_side: int = 640
    max_shift: int = 8
    style_weight: float = 10.0
    content_weight: float = 1.0
    tone_weight: float = 4.0
    smoothness_weight: float = 0.1
    shift_weight: float = 200.0
    learning_rate: float = 2e-3
    clip_norm: float = 10.0
    noise: float = 2.0
    gain: float = 0.03
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that would fail in the middle of training."""
        if self.iterations < 1 or self.batch_size < 1:
            msg = f"training needs at least 1 iteration and 1 crop, got {self.iterations} and {self.batch_size}"
            raise StyleError(msg)
        if self.crop_size % MULTIPLE or self.crop_size < 32 or not 0 <= self.max_shift < self.crop_size:
            msg = f"crop size must be a multiple of {MULTIPLE}, >= 32 and above the shift, got {self.crop_size}"
            raise StyleError(msg)
        if self.style_side < MIN_STYLE_SIDE:
            msg = f"style_side must be at least {MIN_STYLE_SIDE} pixels, got {self.style_side}"
            raise StyleError(msg)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form, as written to style cards."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training stands after an iteration; losses are unweighted."""

    iteration: int
    iterations: int
    style: float
    content: float
    shift: float


def train_style(
    *,
    painting: Picture,
    content: Sequence[Picture],
    features: LossFeatures,
    recipe: TrainingRecipe,
    initial: TransformerNet | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> TransformerNet:
    """Train a network that repaints photographs in the style of ``painting``; the same arguments give the same network.

    Args:
        painting: the style; any size.
        content: photographs of which crops are taken; each side at least crop size plus largest shift.
        features: the loss network, on the device where training shall happen.
        recipe: sizes, weights, seed.
        initial: a trained style to start from instead of random weights; it is not changed.
        on_progress: called after every iteration.

    Returns:
        The network, in evaluation mode, on the device of ``features``.

    Raises:
        StyleError: there is no photograph, one is too small, or the loss became infinite.
    """
    device = features.mean.device
    generator = torch.Generator().manual_seed(recipe.seed)
    photographs = _checked_photographs(content, recipe)
    network = _start(recipe, initial).to(device).train()
    optimizer, schedule = _optimizer(network, recipe)
    target = style_target(painting, features, recipe.style_side)
    for iteration in range(1, recipe.iterations + 1):
        crops = _sample_crops(photographs, recipe, generator).to(device)
        terms = _loss_terms(network, features, target, crops, recipe, generator)
        loss = (
            recipe.style_weight * terms["style"]
            + recipe.content_weight * terms["content"]
            + recipe.tone_weight * terms["tone"]
            + recipe.smoothness_weight * terms["smoothness"]
            + recipe.shift_weight * terms["shift"]
        )
        if not torch.isfinite(loss):
            msg = f"training failed: the loss is {loss.item()} at iteration {iteration}; lower the learning rate"
            raise StyleError(msg)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimizer.step()
        schedule.step()
        if on_progress is not None:
            values = {name: terms[name].item() for name in ("style", "content", "shift")}
            on_progress(Progress(iteration=iteration, iterations=recipe.iterations, **values))
    return network.eval()


def style_target(painting: Picture, features: LossFeatures, style_side: int) -> dict[int, torch.Tensor]:
    """Gram matrices of the painting with its shorter side resized to ``style_side`` pixels."""
    picture = to_tensor(painting)
    scale = style_side / min(picture.shape[-2:])
    resized = F.interpolate(picture, scale_factor=scale, mode="bilinear", antialias=True).to(features.mean.device)
    with torch.no_grad():
        return losses.gram_matrices(features(resized), features.style_taps)


def to_tensor(picture: Picture) -> torch.Tensor:
    """``(H, W, 3)`` uint8 to float32 ``(1, 3, H, W)``, values 0..255."""
    return torch.from_numpy(np.array(picture, order="C")).permute(2, 0, 1).unsqueeze(0).float()


def _checked_photographs(content: Sequence[Picture], recipe: TrainingRecipe) -> list[torch.Tensor]:
    """The photographs as tensors; refuses those from which no crop can be taken."""
    if not content:
        msg = "training needs at least one photograph, got none"
        raise StyleError(msg)
    needed = recipe.crop_size + recipe.max_shift
    for index, picture in enumerate(content):
        height, width = picture.shape[:2]
        if min(height, width) < needed:
            msg = f"photograph {index} is {width}x{height}: crops with their movement need {needed} pixels each way"
            raise StyleError(msg)
    return [to_tensor(picture) for picture in content]


def _start(recipe: TrainingRecipe, initial: TransformerNet | None) -> TransformerNet:
    """A copy of ``initial``, or random weights that paint a noisy gray, chosen by the seed alone."""
    if initial is not None:
        network = TransformerNet(initial.size)
        network.load_state_dict(initial.state_dict())
        return network
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = TransformerNet(recipe.size)
    with torch.no_grad():
        network.get_parameter("deconv3.conv2d.weight").mul_(OUTPUT_SCALE)
        network.get_parameter("deconv3.conv2d.bias").fill_(127.5)
    return network


def _optimizer(network: TransformerNet, recipe: TrainingRecipe) -> tuple[Any, Any]:
    """Adam with a one-cycle schedule; the last layer in a group of its own, see OUTPUT_SCALE."""
    last = list(network.deconv3.parameters())
    rest = [parameter for name, parameter in network.named_parameters() if not name.startswith("deconv3.")]
    optimizer = torch.optim.Adam([{"params": rest}, {"params": last}], lr=recipe.learning_rate)
    rates = [recipe.learning_rate, recipe.learning_rate * OUTPUT_SCALE]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=recipe.iterations + 1)
    return optimizer, schedule


def _sample_crops(photographs: list[torch.Tensor], recipe: TrainingRecipe, generator: torch.Generator) -> torch.Tensor:
    """Random places, scales and mirrorings: ``(batch_size, 3, side, side)``, side = crop size + largest shift."""
    side = recipe.crop_size + recipe.max_shift
    crops = []
    for _ in range(recipe.batch_size):
        picture = photographs[_randint(0, len(photographs) - 1, generator)]
        taken = _randint(side, max(side, min(*picture.shape[-2:], 2 * side)), generator)
        top = _randint(0, picture.shape[-2] - taken, generator)
        left = _randint(0, picture.shape[-1] - taken, generator)
        crop = picture[..., top : top + taken, left : left + taken]
        crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=True)
        crops.append(crop.flip(-1) if _randint(0, 1, generator) else crop)
    return torch.cat(crops)


def _loss_terms(
    network: TransformerNet,
    features: LossFeatures,
    target: dict[int, torch.Tensor],
    crops: torch.Tensor,
    recipe: TrainingRecipe,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    """Repaint two windows of each crop, the second moved, noisy and a little brighter or darker, and judge them."""
    size, count = recipe.crop_size, len(crops)
    down, right = (_randint(0, recipe.max_shift, generator) for _ in range(2))
    first = crops[..., :size, :size]
    second = crops[..., down : down + size, right : right + size]
    gain = 1 + recipe.gain * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
    noise = recipe.noise * torch.randn(second.shape, generator=generator)
    second = second * gain.to(crops.device) + noise.to(crops.device)
    repainted = network(torch.cat([first, second]))
    styled = features(repainted[:count])
    with torch.no_grad():
        wanted = features(first)[features.content_tap]
    unit = repainted / 255
    return {
        "style": losses.style_loss(styled, target),
        "content": losses.content_loss(styled[features.content_tap], wanted),
        "tone": losses.tone_loss(repainted[:count], first),
        "smoothness": losses.total_variation(unit),
        "shift": losses.shift_error(unit[:count], unit[count:], down=down, right=right),
    }


def _randint(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=generator))
