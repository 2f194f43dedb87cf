"""The shipped styles: a folder each, with a style file, a card, the painting and a sample picture.

Styles that are no longer shipped lie in ``retired/``: in no list, but a clip that was given one can still change its
strength.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from stylize.errors import StyleError

MODEL_FILE = "model.safetensors"
CARD_FILE = "card.json"
PAINTING_FILE = "painting.jpg"
SAMPLE_FILE = "sample.jpg"
RETIRED = "retired"

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleCard:
    """What an artist, an operator, or a lawyer wants to know about a style.

    Attributes:
        name: slug, the name of the folder.
        title: of the style, for people.
        painting: name of the work that it paints like.
        artist: who painted it.
        year: when, as written by museums, e.g. ``c. 1831``.
        source: where the picture of the painting came from.
        license: of the painting and of the weights.
        description: one line on how it looks.
        suits: what it is good for, one line.
        style_scale: width of the strokes as a fraction of the picture's height, unless a clip asks for another.
        recipe: all that made the weights: iterations, weights of the losses, seed, photographs.
        metrics: its row of the looks table, see ``looks.table``.
        folder: where the card lies.
    """

    name: str
    title: str
    painting: str
    artist: str
    year: str
    source: str
    license: str
    description: str
    suits: str
    style_scale: float
    recipe: dict[str, Any]
    metrics: dict[str, float]
    folder: Path

    @property
    def model_path(self) -> Path:
        """The weights, for :func:`stylize.style.checkpoint.load_checkpoint`."""
        return self.folder / MODEL_FILE

    @property
    def painting_path(self) -> Path:
        """The painting, small, JPEG."""
        return self.folder / PAINTING_FILE

    @property
    def sample_path(self) -> Path:
        """A photograph before and after, side by side, JPEG."""
        return self.folder / SAMPLE_FILE

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read and check ``folder/card.json``.

        Raises:
            StyleError: the card is missing, is not JSON, lacks a field, has one of the wrong type or one too many, or
                the weights do not lie beside it.
        """
        path = folder / CARD_FILE
        document = _read_object(path)
        if not _SLUG.fullmatch(folder.name):
            msg = f"{path}: the folder's name is the style's name and must be like 'starry-night'"
            raise StyleError(msg)
        _check_fields(path, document)
        if not (folder / MODEL_FILE).is_file():
            msg = f"{path}: there is no {MODEL_FILE} beside the card"
            raise StyleError(msg)
        return cls(name=folder.name, folder=folder, **document)

    def to_document(self) -> dict[str, Any]:
        """What ``card.json`` holds."""
        return {field: getattr(self, field) for field in CARD_FIELDS}


CARD_FIELDS: dict[str, type] = {
    "title": str,
    "painting": str,
    "artist": str,
    "year": str,
    "source": str,
    "license": str,
    "description": str,
    "suits": str,
    "style_scale": float,
    "recipe": dict,
    "metrics": dict,
}


def list_styles(styles_dir: Path) -> list[StyleCard]:
    """The cards of all styles in the folder, by name; folders without a card are not styles.

    Raises:
        StyleError: the folder does not exist, or a card is not valid.
    """
    if not styles_dir.is_dir():
        msg = f"{styles_dir}: there is no such folder of styles"
        raise StyleError(msg)
    folders = sorted(card.parent for card in styles_dir.glob(f"*/{CARD_FILE}"))
    return [StyleCard.read(folder) for folder in folders if not folder.name.startswith(".")]


def find_retired(styles_dir: Path, style: str) -> Path | None:
    """The weights of a style that is no longer shipped."""
    path = styles_dir / RETIRED / style / MODEL_FILE
    return path if _SLUG.fullmatch(style) and path.is_file() else None


def _check_fields(path: Path, document: dict[str, Any]) -> None:
    """A card has these fields, and no others."""
    for field, wanted in CARD_FIELDS.items():
        if not isinstance(document.get(field), wanted):
            msg = f"{path}: {field!r} must be a {wanted.__name__}, got {document.get(field)!r}"
            raise StyleError(msg)
    for metric, value in document["metrics"].items():
        if not isinstance(value, int | float):
            msg = f"{path}: the metrics must be numbers, got {metric} = {value!r}"
            raise StyleError(msg)
    if unknown := sorted(document.keys() - CARD_FIELDS.keys()):
        msg = f"{path}: unknown field {unknown[0]!r}; a card has {', '.join(CARD_FIELDS)}"
        raise StyleError(msg)


def _read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise StyleError(msg) from error
    except ValueError as error:
        msg = f"{path}: not JSON ({error})"
        raise StyleError(msg) from error
    if not isinstance(document, dict):
        msg = f"{path}: expected an object with {', '.join(CARD_FIELDS)}"
        raise StyleError(msg)
    return document
