"""Whether the shipped styles look good: one table, with controls whose verdict is known, and one page of pictures.

    make looks DATA=FOLDER

The folder has ``photographs``, ``clips``, ``paintings`` and ``features``; what it lacks is said, and its columns stay
empty. Writes ``bench/results/looks.json`` and ``bench/looks.html``. Fails if a style or a control has another verdict
than expected.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import openvino
import torch
from safetensors import safe_open

from bench.looks_controls import controls
from bench.looks_data import HEIGHT, MAX_WIDTH, LooksData
from bench.looks_page import write_page
from bench.looks_rows import Measured, Painting, encode_within, measure
from bench.networks.any_painting_2017 import Published, load_published
from dagster_project.settings import PROJECT_ROOT
from stylize.style.controls.controlled import ControlledTransform
from stylize.style.controls.controls import Controls
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.engines.engine import EngineChoice, StyleTransform, choose_engine
from stylize.style.library import CARD_FILE, MODEL_FILE, PAINTING_FILE
from stylize.style.looks.motion import Paint, warping_error
from stylize.style.looks.table import BOUNDS, failures
from stylize.style.pictures import read_picture

RESULT: Final = Path(__file__).parent / "results" / "looks.json"
PAGE: Final = Path(__file__).parent / "looks.html"
STYLES: Final = PROJECT_ROOT / "styles"
MUST_PASS: Final = ("best", "standard")
"""Qualities; what others look like is in the table, too."""

PAGE_BYTES: Final = 22e6
BASE64: Final = 4 / 3


@dataclass(frozen=True, kw_only=True)
class ShippedStyle:
    """A folder of ``styles``."""

    name: str
    folder: Path
    card: dict[str, Any]
    qualities: tuple[Quality, ...]

    @classmethod
    def read(cls, folder: Path) -> "ShippedStyle":
        """The card, and which qualities the file has; a file of one network has the best only."""
        with safe_open(folder / MODEL_FILE, framework="np") as stored:
            prefixes = {name.split(".")[0] for name in stored.keys()}  # noqa: SIM118
        return cls(
            name=folder.name,
            folder=folder,
            card=json.loads((folder / CARD_FILE).read_text(encoding="utf-8")),
            qualities=tuple(quality for quality in QUALITIES if quality in prefixes) or ("best",),
        )

    def paint(self, quality: Quality, choice: EngineChoice) -> Paint:
        """As clips are painted that ask for this style and nothing else."""
        network = StyleTransform.from_checkpoint(self.folder / MODEL_FILE, choice, quality=quality)
        scale = self.card.get("style_scale")
        return ControlledTransform(network, Controls(style_scale=scale)) if scale else network

    def painting(self, data: LooksData) -> Painting | None:
        """The file of the folder of paintings that the style was made from, or else the small picture beside the card.

        The card names it as ``painting_file``, or by the SHA-256 in its recipe.
        """
        digest = self.card.get("recipe", {}).get("painting_sha256", "")
        file = self.card.get("painting_file") or data.painting_files.get(digest)
        picture, small = data.painting(file), self.folder / PAINTING_FILE
        if picture is None and small.is_file():
            picture = read_picture(small)
        return Painting(self.name, picture, data.judge) if picture is not None else None


def shipped_styles(names: list[str] | None) -> list[ShippedStyle]:
    """Those with these names, or all."""
    found = [ShippedStyle.read(card.parent) for card in sorted(STYLES.glob(f"*/{CARD_FILE}"))]
    if unknown := sorted(set(names or ()) - {style.name for style in found}):
        raise SystemExit(f"no such style: {', '.join(unknown)}; there are {', '.join(style.name for style in found)}")
    return [style for style in found if names is None or style.name in names]


class Table:
    """Measures row after row, and says so."""

    def __init__(self, data: LooksData, *, num_rows: int) -> None:
        """With this many rows the page stays small enough."""
        self.data, self.num_rows = data, num_rows
        self.rows: list[dict[str, Any]] = []
        self.thumbnails: dict[tuple[str, str], list[bytes]] = {}
        self.encode = encode_within(int(PAGE_BYTES / BASE64 / num_rows / len(data.photographs)))
        self.unexpected: list[str] = []

    def add(self, paint: Paint, *, name: str, quality: str, painting: Painting | None, **expected: Any) -> None:
        """Measure a row.

        Args:
            paint: what to measure.
            name: of the row.
            quality: of the row.
            painting: what it is compared with.
            expected: see :func:`verdict`.
        """
        started = time.perf_counter()
        done = measure(self.data, paint, name=name, quality=quality, painting=painting, encode=self.encode)
        row = verdict(done, **expected)
        self.rows.append(row)
        self.thumbnails[name, quality] = done.thumbnails
        if row["as_expected"] is False:
            self.unexpected.append(f"{name} ({quality})")
        mark = {True: "", False: "  UNEXPECTED", None: ""}[row["as_expected"]]
        reasons = f": {'; '.join(row['failures'])}" if row["failures"] else ""
        print(
            f"{len(self.rows):3}/{self.num_rows} {time.perf_counter() - started:4.0f} s  {name} ({quality}) "
            f"{'fails' if reasons else 'passes'}{mark}{reasons}",
            flush=True,
        )


def verdict(
    measured: Measured, *, should_pass: bool | None, exempt: tuple[str, ...] = (), failing: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The row with what was expected and what was found; ``should_pass`` of None expects nothing."""
    found = failures(measured.row, exempt=exempt)
    is_right = (not found) == should_pass and all(any(it.startswith(f"{name} ") for it in found) for name in failing)
    return measured.row.to_dict() | {
        "expected": {True: "passes", False: "fails", None: None}[should_pass],
        "found": "fails" if found else "passes",
        "exempt": list(exempt),
        "failures": found,
        "as_expected": None if should_pass is None else is_right,
    }


def rows_of(styles: list[ShippedStyle], qualities: list[Quality]) -> Iterator[tuple[ShippedStyle, Quality]]:
    """Each style in each of its qualities."""
    for style in styles:
        for quality in style.qualities:
            if quality in qualities:
                yield style, quality


def published_thumbnails(
    table: Table, styles: list[ShippedStyle], published: Published | None
) -> dict[str, list[bytes]]:
    """What the published network makes of the photographs, for each style's painting."""
    found = {}
    for style in styles:
        painting = style.painting(table.data)
        if published is not None and painting is not None:
            paint = published.painter(painting.picture)
            found[style.name] = [table.encode(paint(it.picture[None])[0]) for it in table.data.photographs]
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=PROJECT_ROOT.parent / "shared" / "data", help="see above")
    parser.add_argument("--styles", nargs="*", help="names of shipped styles, all unless given; none for controls only")
    parser.add_argument("--qualities", nargs="+", choices=QUALITIES, default=list(QUALITIES))
    parser.add_argument("--no-controls", action="store_true", help="measure shipped styles only")
    args = parser.parse_args()
    data = LooksData(args.data)
    if data.missing:
        print(f"{args.data} lacks {'; '.join(data.missing)}", flush=True)
    published = load_published()
    if isinstance(published, str):
        print(published, flush=True)
        published = None
    choice = choose_engine(width=MAX_WIDTH, height=HEIGHT)
    styles = shipped_styles(args.styles)
    known = [] if args.no_controls else list(controls(data, STYLES, published, choice))
    wanted = list(rows_of(styles, args.qualities))
    table = Table(data, num_rows=len(known) + len(wanted) + len(styles))
    for control in known:
        table.add(
            control.paint, name=control.name, quality=control.kind, painting=control.painting,
            should_pass=control.should_pass, exempt=control.exempt, failing=control.failing,
        )  # fmt: skip
    for style, quality in wanted:
        table.add(
            style.paint(quality, choice), name=style.name, quality=quality, painting=style.painting(data),
            should_pass=True if quality in MUST_PASS else None,
        )  # fmt: skip
    write_json(table, choice)
    write_page(PAGE, table.rows, table.thumbnails, published_thumbnails(table, styles, published), data.photographs)
    print(f"written: {RESULT.relative_to(PROJECT_ROOT)}, {PAGE.relative_to(PROJECT_ROOT)}")
    if table.unexpected:
        raise SystemExit(f"not as expected: {', '.join(table.unexpected)}")


def write_json(table: Table, choice: EngineChoice) -> None:
    """Rows, bounds, what the source itself scores where it is not 0, machine, versions."""
    document = {
        "bounds": {column: list(bound) for column, bound in BOUNDS.items()},
        "source_warping_error": warping_error(lambda frames: frames, table.data.clips),
        "missing": table.data.missing,
        "photographs": [photograph.name for photograph in table.data.photographs],
        "num_faces": sum(len(photograph.boxes) for photograph in table.data.photographs),
        "rows": table.rows,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "chosen": choice.to_dict()},
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__, "openvino": openvino.__version__,
            "opencv": cv2.__version__,
        },
    }  # fmt: skip
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
