"""The shipped styles: a folder each, with the weights, a card that says where they come from, and a sample picture."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from dagster_project.errors import StyleError

MODEL_FILE = "model.safetensors"
CARD_FILE = "card.json"
SAMPLE_FILE = "sample.jpg"

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleCard:
    """What an operator, or a lawyer, wants to know about a style.

    Attributes:
        name: slug, the name of the folder.
        title: of the style, for people.
        painting: name of the work that it was trained from.
        artist: who painted it.
        year: when, as written by museums, e.g. ``c. 1831``.
        source: where the picture of the painting came from.
        licence: of the painting and of the weights.
        description: one line on how it looks.
        network: ``widths`` and ``blocks``.
        recipe: all that training was given: iterations, weights, seeds, loss network, photographs.
        metrics: measured after training, see ``metrics.StyleMetrics``.
        folder: where the card lies.
    """

    name: str
    title: str
    painting: str
    artist: str
    year: str
    source: str
    licence: str
    description: str
    network: dict[str, Any]
    recipe: dict[str, Any]
    metrics: dict[str, float]
    folder: Path

    @property
    def model_path(self) -> Path:
        """The weights, for :func:`dagster_project.style_transfer.checkpoint.load_checkpoint`."""
        return self.folder / MODEL_FILE

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
    "licence": str,
    "description": str,
    "network": dict,
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
