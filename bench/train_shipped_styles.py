"""Train the styles that lie in ``styles/``: reproduces weights, cards and samples from the paintings.

    python bench/train_shipped_styles.py --paintings FOLDER --features squeezenet1_0_features.safetensors

"Lanterns" is our own: ``python bench/paint_lanterns.py FOLDER/lanterns.png`` paints it.

The photographs come from inside scikit-image's wheel; one of them, the coffee cup, is kept out of training and used for
the metrics and the sample. Takes about ten minutes a style on two CPU cores.

What is shipped was trained in two stages: each card's recipe names the weights and the seed of its own (``--recipe``),
and under ``initial`` those of the network that it started from (``--initial``).
"""

import argparse
import json
import shutil
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import skimage.data
import torch

from dagster_project.style_transfer.checkpoint import load_checkpoint, save_checkpoint
from dagster_project.style_transfer.library import CARD_FILE, MODEL_FILE, SAMPLE_FILE, StyleCard
from dagster_project.style_transfer.loss_networks import load_loss_network
from dagster_project.style_transfer.metrics import StyleMetrics, measure_style
from dagster_project.style_transfer.network import TransformerNet
from dagster_project.style_transfer.pictures import PICTURE_SUFFIXES, Picture, encode_jpeg, read_picture, side_by_side
from dagster_project.style_transfer.recipe import TrainingRecipe
from dagster_project.style_transfer.training import TrainingProgress, preview, train_style
from dagster_project.style_transfer.training_checkpoint import Checkpoints

LICENCE = "the painting is in the public domain; the weights are part of this project, under its licence"
SOURCE = "photograph of the painting as carried by github.com/jcjohnson/neural-style or lengstrom/fast-style-transfer"
SAMPLE_HEIGHT = 300
BORDER = 0.02
"""Part of each side of a reproduction that is cut away: frames, edges of the canvas and paper are not brush work."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A painting and how to train from it."""

    file: str
    title: str
    painting: str
    artist: str
    year: str
    description: str
    source: str = SOURCE
    licence: str = LICENCE
    changes: dict[str, Any] = field(default_factory=dict)


SUBJECTS = {
    "starry-night": Subject(
        file="van_gogh_starry_night.jpg",
        title="Starry Night",
        painting="The Starry Night",
        artist="Vincent van Gogh",
        year="1889",
        description="Swirling strokes of ultramarine and pale blue, with yellow light.",
    ),
    "great-wave": Subject(
        file="hokusai_great_wave.jpg",
        title="Great Wave",
        painting="The Great Wave off Kanagawa",
        artist="Katsushika Hokusai",
        year="c. 1831",
        description="Woodblock print: Prussian blue outlines and foam on warm paper.",
        changes={"style_side": 512},
    ),
    "scream": Subject(
        file="munch_the_scream.jpg",
        title="The Scream",
        painting="The Scream",
        artist="Edvard Munch",
        year="1893",
        description="Long wavering bands of orange, ochre and dark blue-green.",
    ),
    "minotaur": Subject(
        file="turner_shipwreck_of_the_minotaur.jpg",
        title="Shipwreck of the Minotaur",
        painting="The Shipwreck of the Minotaur",
        artist="J. M. W. Turner",
        year="c. 1810",
        description="Dark green sea and storm clouds around amber light.",
    ),
    "lanterns": Subject(
        file="lanterns.png",
        title="Lanterns",
        painting="Lanterns",
        artist="this project",
        year="2026",
        description="Palette-knife dabs: ember and gold in a night of teal and violet.",
        source="painted by bench/paint_lanterns.py",
        licence="picture and weights are part of this project, under its licence",
    ),
}


def photographs(folder: Path | None) -> dict[str, Picture]:
    """What to train on: pictures in ``folder``, or those of scikit-image except the coffee cup."""
    if folder is not None:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        return {path.name: read_picture(path) for path in files}
    data = skimage.data
    pictures = {"astronaut": data.astronaut(), "chelsea": data.chelsea(), "rocket": data.rocket()}
    return pictures | {"stereo_motorcycle": data.stereo_motorcycle()[0]}


def without_border(picture: Picture, border: float) -> Picture:
    """The picture without ``border`` (a part of its size) on each side."""
    height, width = picture.shape[:2]
    top, left = round(border * height), round(border * width)
    return picture[top : height - top, left : width - left]


def show_progress(progress: TrainingProgress) -> None:
    """A line every 50 iterations."""
    if progress.iteration % 50 == 0 or progress.iteration == 1:
        sys.stdout.write(f"  {progress.iteration:5}/{progress.iterations}  {progress.describe_losses()}\n")
        sys.stdout.flush()


def train(name: str, args: argparse.Namespace) -> None:
    """Train one style and put its folder in place when it is complete."""
    subject = SUBJECTS[name]
    painting = without_border(read_picture(args.paintings / subject.file), BORDER)
    features = load_loss_network(args.features)
    recipe = TrainingRecipe(**(subject.changes | args.recipe))
    content = photographs(args.content)
    started = time.perf_counter()
    network = train_style(
        painting=painting,
        content=list(content.values()),
        features=features,
        recipe=recipe,
        initial=load_checkpoint(args.initial) if args.initial else None,
        on_progress=show_progress,
        checkpoints=Checkpoints.in_file(args.styles / f".{name}.training.safetensors"),
    )
    seconds = time.perf_counter() - started
    metrics = measure_style(
        network,
        painting=painting,
        photographs=[skimage.data.coffee()],
        features=features,
        style_side=recipe.style_side,
    )
    given = recipe.to_dict() | {
        "script": "bench/train_shipped_styles.py",
        "initial": args.initial.parent.name if args.initial else None,
        "loss_network": features.name,
        "painting_border": BORDER,
        "photographs": list(content),
        "held_out": ["coffee"],
        "photographs_from": str(args.content.name) if args.content else "skimage.data",
        "threads": torch.get_num_threads(),
        "seconds": round(seconds),
    }
    place(make_card(name, args.styles / name, network=network, recipe=given, metrics=metrics), network)
    (args.styles / f".{name}.training.safetensors").unlink()
    sys.stdout.write(f"{name}: {seconds:.0f} s, {metrics.to_dict()}\n")


def make_card(
    name: str, folder: Path, *, network: TransformerNet, recipe: dict[str, Any], metrics: StyleMetrics
) -> StyleCard:
    """What people shall know about the style."""
    subject = SUBJECTS[name]
    return StyleCard(
        name=name,
        folder=folder,
        title=subject.title,
        painting=subject.painting,
        artist=subject.artist,
        year=subject.year,
        source=subject.source,
        licence=subject.licence,
        description=subject.description,
        network=network.size.to_dict(),
        recipe=recipe,
        metrics={key: float(f"{value:.4g}") for key, value in metrics.to_dict().items()},
    )


def place(card: StyleCard, network: TransformerNet) -> None:
    """Build the folder under a hidden name beside its place, then swap it in."""
    building = card.folder.with_name(f".{card.name}.new")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    save_checkpoint(network, building / MODEL_FILE, metadata={"style": card.name, "painting": card.painting})
    photograph = skimage.data.coffee()
    pair = side_by_side(photograph, preview(network, photograph), height=SAMPLE_HEIGHT)
    (building / SAMPLE_FILE).write_bytes(encode_jpeg(pair, quality=88))
    (building / CARD_FILE).write_text(json.dumps(card.to_document(), indent=2) + "\n", encoding="utf-8")
    replaced = card.folder.with_name(f".{card.name}.old")
    shutil.rmtree(replaced, ignore_errors=True)
    if card.folder.exists():
        card.folder.rename(replaced)
    building.rename(card.folder)
    shutil.rmtree(replaced, ignore_errors=True)


def main() -> None:
    """Train the chosen styles one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True, help="folder with the pictures named in this script")
    parser.add_argument("--features", type=Path, required=True, help="loss network: SqueezeNet 1.0 or VGG-16")
    parser.add_argument("--content", type=Path, help="folder of photographs; default: those of scikit-image")
    parser.add_argument("--styles", type=Path, default=Path(__file__).parents[1] / "styles", help="where to put them")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS), help="styles to train")
    parser.add_argument("--initial", type=Path, help="checkpoint to start from instead of random weights")
    parser.add_argument("--recipe", type=json.loads, default={}, help='changes as JSON, e.g. {"iterations": 50}')
    parser.add_argument("--threads", type=int, default=2, help="threads of torch; part of what makes runs repeatable")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name in args.only:
        sys.stdout.write(f"{name}\n")
        train(name, args)


if __name__ == "__main__":
    main()
