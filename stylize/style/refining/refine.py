"""Bring the networks of one painting nearer to its strokes.

They start as what any painting gets at once, see :mod:`any_painting`, and are tuned against the judge, each for some
minutes. What keeps the picture good meanwhile: the photograph's structure, the colors that the style has at its start,
and a hinge on how differently a picture is painted when the camera moves by a few pixels.
"""

import copy
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from stylize.errors import StyleError
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.network.any_painting import load_conditional, networks_digest
from stylize.style.network.network import TransformerNet, repaint
from stylize.style.network.quarter_network import QuarterNet
from stylize.style.network.style_network import StyleNet
from stylize.style.network.tensors import to_tensor
from stylize.style.pictures import Picture
from stylize.style.refining import losses
from stylize.style.refining.crops import CropSampler
from stylize.style.refining.judge import StyleJudge
from stylize.style.refining.refine_checkpoint import Checkpoints, RefiningState
from stylize.style.refining.refine_recipe import RefineRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineProgress:
    """Where refining stands after an iteration.

    Attributes:
        quality: of the network that is refined now.
        iteration: the last one finished, counted from 1 over the networks of all qualities.
        iterations: of all of them.
        iterations_per_second: of this quality, since this process began with it.
        distances: ``strokes`` and ``style`` as the judge says, ``edges``, ``colors`` and ``shift`` as ``losses`` does;
            unweighted.
    """

    quality: Quality
    iteration: int
    iterations: int
    iterations_per_second: float
    distances: dict[str, float]

    @property
    def seconds_left(self) -> float:
        """Until the last iteration, at the pace so far."""
        return (self.iterations - self.iteration) / self.iterations_per_second

    def describe(self) -> str:
        """Quality and distances in one short line."""
        distances = [
            f"{name} {self.distances[name]:.3f}" for name in ("strokes", "style", "edges", "faces", "pattern", "colors")
        ]
        return f"{self.quality}: {'  '.join(distances)}  shift {self.distances['shift'] * 1e3:.2f}e-3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Previews:
    """How refining shows what it has come to so far.

    Attributes:
        photograph: which it does not learn on.
        every: iterations between two previews.
        show: called with the quality, its iteration, and the photograph as it is repainted by then.
    """

    photograph: Picture
    every: int
    show: Callable[[Quality, int, Picture], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lesson:
    """What the networks of all qualities learn from.

    Attributes:
        judge: of the painting.
        colorist: paints the colors to be kept.
        crops: what is painted.
        recipe: weights and sizes.
        qualities: all that are refined, in order.
        device: of the networks.
    """

    judge: StyleJudge
    colorist: StyleNet
    crops: CropSampler
    recipe: RefineRecipe
    qualities: Sequence[Quality]
    device: str


def refine_style(
    *,
    painting: Picture,
    photographs: Sequence[Picture],
    recipe: RefineRecipe,
    qualities: Sequence[Quality] = QUALITIES,
    device: str = "cpu",
    on_progress: Callable[[RefineProgress], None] | None = None,
    previews: Previews | None = None,
    checkpoints: Mapping[Quality, Checkpoints] | None = None,
) -> dict[Quality, StyleNet]:
    """Networks of every quality that paint like ``painting``, nearer to its strokes than ``networks_for`` gives them.

    On the CPU, with the same number of threads, the same arguments give the same networks bit for bit, whether refining
    was interrupted or not.

    Args:
        painting: the style; any size.
        photographs: of which crops are taken; each side at least ``recipe.needed_side``.
        recipe: sizes, weights, seed.
        qualities: which networks, one after the other.
        device: ``cpu`` or ``cuda``.
        on_progress: called after every iteration.
        previews: pictures to show on the way.
        checkpoints: where each quality is saved now and then, and goes on from if it was saved there before. What was
            saved with other arguments is passed over.

    Returns:
        The networks, in evaluation mode, on ``device``.

    Raises:
        StyleError: there is no photograph, one is too small, or a saved state is damaged.
    """
    _check_photographs(photographs, recipe)
    judge = StyleJudge(painting, stroke_side=recipe.stroke_side, device=device)
    lesson = _Lesson(
        judge=judge,
        colorist=_start("best", judge, device),
        crops=CropSampler(photographs, side=recipe.needed_side, inside=recipe.crop_size),
        recipe=recipe,
        qualities=qualities,
        device=device,
    )
    material = _digest_material(painting, photographs, recipe)
    refined: dict[Quality, StyleNet] = {}
    for quality in qualities:
        state = begin(_start(quality, judge, device), recipe)
        saved = checkpoints[quality] if checkpoints else None
        if saved is not None:
            saved.resume(state, f"{quality} {material}")
        _refine(quality, state, lesson, on_progress, previews, saved)
        refined[quality] = finished(state.network)
    return refined


@torch.no_grad()
def preview(network: StyleNet, photograph: Picture) -> Picture:
    """What ``network``, RGB 0..255, makes of a photograph ``(H, W, 3)``, the same shape."""
    device = next(network.parameters()).device
    painted = repaint(network, to_tensor(photograph).to(device)).round_().clamp_(0, 255)
    return painted[0].permute(1, 2, 0).to(torch.uint8).cpu().numpy()


def begin(start: StyleNet, recipe: RefineRecipe) -> RefiningState:
    """Refining before its first iteration; the network takes values 0..1, see :func:`finished`, and is ``start``."""
    with torch.no_grad():
        # Adam moves every weight by about as much: those for 0..255 would hardly be found again.
        start.conv1.conv2d.weight *= 255
    for parameter in (parameters := _to_be_tuned(start)):
        parameter.requires_grad_(True)
    optimizer = torch.optim.Adam(parameters, lr=recipe.learning_rate)
    # One more step than iterations: the last would be one of no length.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.learning_rate, total_steps=recipe.iterations + 1, pct_start=recipe.warm_up
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    return RefiningState(network=start, optimizer=optimizer, schedule=schedule, generator=generator)


@torch.no_grad()
def finished(network: StyleNet) -> StyleNet:
    """A copy that takes RGB 0..255, in evaluation mode."""
    copied = copy.deepcopy(network)
    copied.conv1.conv2d.weight /= 255
    for parameter in copied.parameters():
        parameter.data = parameter.data.contiguous()
    return copied.eval().requires_grad_(False)


def step(state: RefiningState, loss: torch.Tensor, recipe: RefineRecipe) -> None:
    """Move the weights against the gradient of ``loss``; where it is not finite, they stay where they are."""
    parameters = [parameter for group in state.optimizer.param_groups for parameter in group["params"]]
    state.optimizer.zero_grad()
    loss.backward()
    if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)):
        state.optimizer.step()
        if isinstance(state.network, QuarterNet):
            state.network.equalize_pixels_()
    state.schedule.step()
    state.iteration += 1


def _refine(
    quality: Quality,
    state: RefiningState,
    lesson: _Lesson,
    on_progress: Callable[[RefineProgress], None] | None,
    previews: Previews | None,
    checkpoints: Checkpoints | None,
) -> None:
    """All iterations that are left."""
    recipe, first, started = lesson.recipe, state.iteration, time.monotonic()
    while state.iteration < recipe.iterations:
        terms = _terms(state, lesson)
        step(state, _weighted(terms, recipe), recipe)
        if on_progress is not None:
            pace = (state.iteration - first) / max(time.monotonic() - started, 1e-9)
            on_progress(_progress(quality, state.iteration, lesson, terms, pace))
        if previews is not None and state.iteration % previews.every == 0:
            previews.show(quality, state.iteration, preview(finished(state.network), previews.photograph))
        # Last: what is shown of an iteration has been shown when refining goes on after it.
        if checkpoints is not None:
            checkpoints.save_if_due(state, recipe.iterations)


def _weighted(terms: Mapping[str, torch.Tensor], recipe: RefineRecipe) -> torch.Tensor:
    return (
        recipe.stroke_weight * terms["strokes"]
        + recipe.vector_weight * terms["style"]
        + recipe.edge_weight * terms["edges"]
        + recipe.face_weight * terms["faces"]
        + recipe.pattern_weight * terms["pattern"]
        + recipe.color_weight * terms["colors"]
        + recipe.content_weight * terms["content"]
        + recipe.palette_weight * terms["palette"]
        + recipe.stillness_weight * terms["restlessness"]
    )


def _terms(state: RefiningState, lesson: _Lesson) -> dict[str, torch.Tensor]:
    """Repaint two windows of each crop, the second moved, noisy and a little brighter or darker, and judge them."""
    recipe, judge, generator = lesson.recipe, lesson.judge, state.generator
    size, count = recipe.crop_size, recipe.batch_size
    drawn = lesson.crops.draw(count, generator)
    crops = drawn.pictures.to(lesson.device)
    down, right = (_randint(0, recipe.max_shift, generator) for _ in range(2))
    first = crops[..., :size, :size]
    second = crops[..., down : down + size, right : right + size]
    gain = 1 + recipe.gain * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
    noise = recipe.noise / 255 * torch.randn(second.shape, generator=generator)
    second = second * gain.to(lesson.device) + noise.to(lesson.device)
    painted = state.network(torch.cat([first, second])) / 255
    seen = judge.features(painted[:count])
    with torch.no_grad():
        colors = lesson.colorist(first * 255) / 255
        content = judge.content(judge.features(first))
    shift = losses.shift_errors(painted[:count], painted[count:], down=down, right=right)
    return {
        "strokes": judge.stroke_distance(seen),
        "style": judge.style_distance(painted[:count]),
        "edges": losses.edge_distance(painted[:count], first),
        "faces": losses.face_distance(painted[:count], first, drawn.faces),
        "pattern": losses.pattern(painted, torch.cat([first, second])),
        "colors": losses.color_distance(painted[:count], colors),
        "content": losses.relative_distance(judge.content(seen), content),
        "palette": losses.palette_loss(painted[:count] * 255, judge.palette),
        "restlessness": F.relu(shift - recipe.still_enough).mean(),
        "shift": shift.mean(),
    }


def _randint(low: int, high: int, generator: torch.Generator) -> int:
    """A whole number in [low, high]."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def _progress(
    quality: Quality, iteration: int, lesson: _Lesson, terms: Mapping[str, torch.Tensor], iterations_per_second: float
) -> RefineProgress:
    each = lesson.recipe.iterations
    return RefineProgress(
        quality=quality,
        iteration=lesson.qualities.index(quality) * each + iteration,
        iterations=len(lesson.qualities) * each,
        iterations_per_second=iterations_per_second,
        distances={
            name: terms[name].item() for name in ("strokes", "style", "edges", "faces", "pattern", "colors", "shift")
        },
    )


def _start(quality: Quality, judge: StyleJudge, device: str) -> StyleNet:
    network = load_conditional(quality).with_style(judge.vector.cpu())
    for parameter in network.parameters():
        if parameter.dim() == 4:  # what convolutions on a CPU like best
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.to(device)


def _to_be_tuned(network: StyleNet) -> list[torch.nn.Parameter]:
    """All but the biases of convolutions that a normalization follows: it takes away what they add."""
    free = ("conv1", "conv2", "conv3") if isinstance(network, TransformerNet) else ()
    return [
        parameter
        for name, parameter in network.named_parameters()
        if not name.endswith(".conv2d.bias") or name.removesuffix(".conv2d.bias") in free
    ]


def _digest_material(painting: Picture, photographs: Sequence[Picture], recipe: RefineRecipe) -> str:
    """SHA-256 (hex) over all that decides what refining yields."""
    digest = hashlib.sha256(json.dumps(recipe.to_dict(), sort_keys=True).encode())
    for picture in (painting, *photographs):
        digest.update(repr(picture.shape).encode())
        digest.update(picture.tobytes())
    digest.update(networks_digest().encode())
    return digest.hexdigest()


def _check_photographs(photographs: Sequence[Picture], recipe: RefineRecipe) -> None:
    """Refuse photographs from which no crop can be taken."""
    if not photographs:
        msg = "refining needs at least one photograph, got none"
        raise StyleError(msg)
    needed = recipe.needed_side
    for index, picture in enumerate(photographs):
        height, width = picture.shape[:2]
        if min(height, width) < needed:
            msg = f"photograph {index} is {width}x{height}: crops with their movement need {needed} pixels each way"
            raise StyleError(msg)
