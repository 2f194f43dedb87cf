"""Measure every shipped style and write the table in ``styles/README.md``.

    make style-table PAINTINGS=FOLDER FEATURES=squeezenet1_0_features.safetensors

The same files give the same table on the same kind of machine. A few minutes on two CPU cores.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import skimage.data

from bench.train_shipped_styles import SUBJECTS, without_border
from dagster_project.style_transfer.checkpoint import load_checkpoint
from dagster_project.style_transfer.features import LossFeatures
from dagster_project.style_transfer.library import StyleCard, list_styles
from dagster_project.style_transfer.loss_networks import load_loss_network
from dagster_project.style_transfer.metrics import StyleMetrics, measure_style
from dagster_project.style_transfer.pictures import read_picture

STYLES: Final = Path(__file__).parents[1] / "styles"
PHOTOGRAPHS: Final = ("coffee", "astronaut", "chelsea", "rocket")
BEGIN, END = "<!-- begin of the table: make style-table -->", "<!-- end of the table -->"
MAX_WARPING_ERROR: Final = 0.8e-3
MAX_STYLE_LOSS_RATIO: Final = 1 / 3


@dataclass(frozen=True, kw_only=True)
class Row:
    """A style and what was measured."""

    card: StyleCard
    num_parameters: int
    metrics: StyleMetrics

    @property
    def misses(self) -> list[str]:
        """Which bounds the style does not keep."""
        bounds = {"warping_error": MAX_WARPING_ERROR, "style_loss_ratio": MAX_STYLE_LOSS_RATIO}
        return [name for name, bound in bounds.items() if self.metrics.to_dict()[name] > bound]

    def line(self) -> str:
        """The row in Markdown."""
        widths = "/".join(map(str, self.card.network["widths"]))
        return (
            f"| {self.card.name} | {widths} x{self.card.network['blocks']} | {self.num_parameters / 1e3:.0f}k "
            f"| {self.card.model_path.stat().st_size / 2**20:.2f} MB | {self.metrics.warping_error * 1e3:.2f} "
            f"| {self.metrics.style_loss_ratio:.3f} | {self.metrics.content_loss:.2f} |"
        )


def measure(card: StyleCard, paintings: Path, features: LossFeatures) -> Row:
    """Measure one style as it is shipped."""
    painting = read_picture(paintings / SUBJECTS[card.name].file)
    network = load_checkpoint(card.model_path)
    metrics = measure_style(
        network,
        painting=without_border(painting, card.recipe["painting_border"]),
        photographs=[np.asarray(getattr(skimage.data, name)()) for name in PHOTOGRAPHS],
        features=features,
        style_side=card.recipe["style_side"],
    )
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Row(card=card, num_parameters=num_parameters, metrics=metrics)


def table(rows: list[Row], features: LossFeatures) -> str:
    """The table in Markdown."""
    return "\n".join(
        [
            f"Measured on {', '.join(PHOTOGRAPHS)} of scikit-image, with the features of {features.name}.",
            "",
            "| style | network | parameters | file | warping error, 1e-3 | style loss ratio | content loss |",
            "|---|---|---:|---:|---:|---:|---:|",
            *(row.line() for row in rows),
        ]
    )


def write_between_marks(path: Path, text: str) -> None:
    """Replace what stands between the marks in ``path``.

    Raises:
        SystemExit: the marks are missing.
    """
    document = path.read_text(encoding="utf-8")
    if BEGIN not in document or END not in document:
        raise SystemExit(f"{path}: expected the lines {BEGIN!r} and {END!r} around the table")
    before, rest = document.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure, write, and fail if a style misses a bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paintings", type=Path, required=True, help="folder with the pictures trained from")
    parser.add_argument("--features", type=Path, required=True, help="loss network: SqueezeNet 1.0 or VGG-16")
    args = parser.parse_args()
    features = load_loss_network(args.features)
    rows = []
    for card in list_styles(STYLES):
        rows.append(measure(card, args.paintings, features))
        sys.stdout.write(f"{rows[-1].line()}\n")
        sys.stdout.flush()
    write_between_marks(STYLES / "README.md", table(rows, features))
    missed = [f"{row.card.name}: {', '.join(row.misses)}" for row in rows if row.misses]
    if missed:
        raise SystemExit(f"over the bound: {'; '.join(missed)}")


if __name__ == "__main__":
    main()
