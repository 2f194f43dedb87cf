"""Train a style network from one painting.

The recipe was settled by experiment (docs/architecture.md): relative losses, one-cycle Adam, small crops, and a term
that punishes a picture for being painted differently when the camera moves by a few pixels.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from dagster_project.errors import StyleError
from dagster_project.style_transfer import losses
from dagster_project.style_transfer.features import LossFeatures, digest_of_tensors
from dagster_project.style_transfer.network import TransformerNet, repaint
from dagster_project.style_transfer.pictures import Picture
from dagster_project.style_transfer.recipe import TrainingRecipe
from dagster_project.style_transfer.style_target import StyleTarget, to_tensor, training_target
from dagster_project.style_transfer.training_checkpoint import Checkpoints, TrainingState

OUTPUT_SCALE = 64.0
"""Spread of the pixel values that an untrained network paints, and the ratio of its last layer's learning rate to the
rest.

The last layer alone has to reach 0..255 from activations of about one. Its weights begin this much larger and move this
much faster, which is the same as training a network with outputs of about one and multiplying them at the end.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Where training stands after an iteration; losses are unweighted.

    Attributes:
        iteration: the last one finished, counted from 1.
        iterations: of the whole training.
        style: ``losses.style_loss``.
        content: ``losses.content_loss``.
        tone: ``losses.tone_loss``.
        shift: ``losses.shift_error``.
        iterations_per_second: since this process began to train.
    """

    iteration: int
    iterations: int
    style: float
    content: float
    tone: float
    shift: float
    iterations_per_second: float

    @property
    def seconds_left(self) -> float:
        """Until the last iteration, at the pace so far."""
        return (self.iterations - self.iteration) / self.iterations_per_second

    def describe_losses(self) -> str:
        """The losses in one short line."""
        shift = f"shift {self.shift * 1e3:.2f}e-3"
        return f"style {self.style:.3f}  content {self.content:.3f}  tone {self.tone:.3f}  {shift}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """How a training shows what it has learned so far.

    Attributes:
        photograph: which the training does not see.
        every: iterations between two previews.
        show: called with the iteration and the photograph as it is repainted by then.
    """

    photograph: Picture
    every: int
    show: Callable[[int, Picture], None]


def train_style(
    *,
    painting: Picture,
    content: Sequence[Picture],
    features: LossFeatures,
    recipe: TrainingRecipe,
    initial: TransformerNet | None = None,
    device: str | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
    previews: Previews | None = None,
    checkpoints: Checkpoints | None = None,
) -> TransformerNet:
    """Train a network that repaints photographs in the style of ``painting``.

    On the CPU, with the same number of threads, the same arguments give the same network bit for bit, whether training
    was interrupted or not.

    Args:
        painting: the style; any size.
        content: photographs of which crops are taken; each side at least ``recipe.needed_side``.
        features: the loss network; it is moved to ``device``.
        recipe: sizes, weights, seed.
        initial: a trained style to start from instead of random weights; it is not changed.
        device: ``cpu``, ``cuda``, or None for where ``features`` are.
        on_progress: called after every iteration.
        previews: pictures to show on the way.
        checkpoints: where training is saved now and then, and goes on from if it was saved there before. What was
            saved with other arguments is passed over.

    Returns:
        The network, in evaluation mode, on ``device``.

    Raises:
        StyleError: there is no photograph, one is too small, the loss became infinite, or the saved state is damaged.
    """
    features = features.to(device) if device else features
    _check_photographs(content, recipe)
    state = _begin(recipe, initial, features.mean.device)
    if checkpoints is not None:
        checkpoints.resume(state, _digest_material(painting, content, features, recipe, initial))
    target = training_target(painting, features, recipe.style_side)
    first, started = state.iteration, time.monotonic()
    while state.iteration < recipe.iterations:
        terms = _train_once(state, features, target, content, recipe)
        if on_progress is not None:
            pace = (state.iteration - first) / max(time.monotonic() - started, 1e-9)
            on_progress(_progress(state.iteration, recipe, terms, pace))
        if previews is not None and state.iteration % previews.every == 0:
            previews.show(state.iteration, preview(state.network, previews.photograph))
        # Last: what is shown of an iteration has been shown when the training goes on after it.
        if checkpoints is not None:
            checkpoints.save_if_due(state, recipe.iterations)
    return state.network.eval()


@torch.no_grad()
def preview(network: TransformerNet, photograph: Picture) -> Picture:
    """What ``network`` makes of a photograph ``(H, W, 3)``, the same shape."""
    device = next(network.parameters()).device
    painted = repaint(network, to_tensor(photograph).to(device)).round_().clamp_(0, 255)
    return painted[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()


def _train_once(
    state: TrainingState,
    features: LossFeatures,
    target: StyleTarget,
    content: Sequence[Picture],
    recipe: TrainingRecipe,
) -> dict[str, torch.Tensor]:
    """One iteration; returns the unweighted losses."""
    crops = _sample_crops(content, recipe, state.generator).to(features.mean.device)
    terms = _loss_terms(state.network, features, target, crops, recipe, state.generator)
    loss = (
        recipe.style_weight * terms["style"]
        + recipe.content_weight * terms["content"]
        + recipe.tone_weight * terms["tone"]
        + recipe.palette_weight * terms["palette"]
        + recipe.smoothness_weight * terms["smoothness"]
        + recipe.shift_weight * terms["shift"]
    )
    if not torch.isfinite(loss):
        msg = f"training failed: the loss is {loss.item()} at iteration {state.iteration + 1}; lower the learning rate"
        raise StyleError(msg)
    state.optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), recipe.clip_norm)
    state.optimizer.step()
    state.schedule.step()
    state.iteration += 1
    return terms


def _progress(
    iteration: int, recipe: TrainingRecipe, terms: dict[str, torch.Tensor], iterations_per_second: float
) -> TrainingProgress:
    values = {name: terms[name].item() for name in ("style", "content", "tone", "shift")}
    return TrainingProgress(
        iteration=iteration, iterations=recipe.iterations, iterations_per_second=iterations_per_second, **values
    )


def _digest_material(
    painting: Picture,
    content: Sequence[Picture],
    features: LossFeatures,
    recipe: TrainingRecipe,
    initial: TransformerNet | None,
) -> str:
    """SHA-256 (hex) over all that decides what training yields."""
    digest = hashlib.sha256(json.dumps(recipe.to_dict(), sort_keys=True).encode())
    for picture in (painting, *content):
        digest.update(repr(picture.shape).encode())
        digest.update(picture.tobytes())
    digest.update(features.digest().encode())
    digest.update(digest_of_tensors(initial.state_dict()).encode() if initial is not None else b"random")
    return digest.hexdigest()


def _check_photographs(content: Sequence[Picture], recipe: TrainingRecipe) -> None:
    """Refuse photographs from which no crop can be taken."""
    if not content:
        msg = "training needs at least one photograph, got none"
        raise StyleError(msg)
    needed = recipe.needed_side
    for index, picture in enumerate(content):
        height, width = picture.shape[:2]
        if min(height, width) < needed:
            msg = f"photograph {index} is {width}x{height}: crops with their movement need {needed} pixels each way"
            raise StyleError(msg)


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


def _begin(recipe: TrainingRecipe, initial: TransformerNet | None, device: torch.device) -> TrainingState:
    """A training before its first iteration."""
    network = _start(recipe, initial).to(device).train()
    optimizer, schedule = _optimizer(network, recipe)
    generator = torch.Generator().manual_seed(recipe.seed)
    return TrainingState(network=network, optimizer=optimizer, schedule=schedule, generator=generator)


def _optimizer(network: TransformerNet, recipe: TrainingRecipe) -> tuple[Any, Any]:
    """Adam with a one-cycle schedule; the last layer in a group of its own, see OUTPUT_SCALE."""
    last = list(network.deconv3.parameters())
    rest = [parameter for name, parameter in network.named_parameters() if not name.startswith("deconv3.")]
    optimizer = torch.optim.Adam([{"params": rest}, {"params": last}], lr=recipe.learning_rate)
    rates = [recipe.learning_rate, recipe.learning_rate * OUTPUT_SCALE]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=recipe.iterations + 1)
    return optimizer, schedule


def _sample_crops(photographs: Sequence[Picture], recipe: TrainingRecipe, generator: torch.Generator) -> torch.Tensor:
    """Random places, scales and mirrorings: ``(batch_size, 3, side, side)``, side = crop size + largest shift."""
    side = recipe.needed_side
    crops = []
    for _ in range(recipe.batch_size):
        picture = photographs[_randint(0, len(photographs) - 1, generator)]
        taken = _randint(side, max(side, min(*picture.shape[:2], 2 * side)), generator)
        top = _randint(0, picture.shape[0] - taken, generator)
        left = _randint(0, picture.shape[1] - taken, generator)
        crop = to_tensor(picture[top : top + taken, left : left + taken])
        crop = F.interpolate(crop, size=(side, side), mode="bilinear", antialias=True)
        crops.append(crop.flip(-1) if _randint(0, 1, generator) else crop)
    return torch.cat(crops)


def _loss_terms(
    network: TransformerNet,
    features: LossFeatures,
    target: StyleTarget,
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
        "style": losses.style_loss(styled, target.grams),
        "content": losses.content_loss(styled[features.content_tap], wanted),
        "tone": losses.tone_loss(repainted[:count], first),
        "palette": losses.palette_loss(repainted[:count], target.palette),
        "smoothness": losses.total_variation(unit),
        "shift": losses.shift_error(unit[:count], unit[count:], down=down, right=right),
    }


def _randint(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=generator))
