"""The shipped styles: cards are complete, weights load and paint."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from stylize.errors import StyleError
from stylize.style.checkpoint import load_checkpoint
from stylize.style.controls.quality import QUALITIES, Quality
from stylize.style.engines.engine import EngineChoice, StyleTransform
from stylize.style.library import CARD_FIELDS, MODEL_FILE, StyleCard, find_retired, list_styles
from stylize.style.refining.metrics import pan_error

STYLES = Path(__file__).parents[3] / "styles"
RETIRED = STYLES / "retired"
SHIPPED = sorted(path.parent.name for path in STYLES.glob("*/card.json"))
MEGABYTE = 2**20


def document() -> dict[str, Any]:
    texts = {name: f"some {name}" for name, kind in CARD_FIELDS.items() if kind is str}
    return {**texts, "style_scale": 0.02, "recipe": {"iterations": 1}, "metrics": {"a": 0.5}}


def place(styles: Path, name: str, card: object) -> Path:
    folder = styles / name
    folder.mkdir(parents=True)
    (folder / MODEL_FILE).write_bytes(b"weights")
    (folder / "card.json").write_text(card if isinstance(card, str) else json.dumps(card), encoding="utf-8")
    return folder


def test_styles_are_listed_by_name_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    for name in ("wave", "aurora", "scream-2"):
        place(tmp_path, name, document())
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("text")
    place(tmp_path, ".aurora.new", document())
    cards = list_styles(tmp_path)
    assert [card.name for card in cards] == ["aurora", "scream-2", "wave"]
    assert cards[0].model_path == tmp_path / "aurora" / "model.safetensors"
    assert cards[0].to_document() == document()


@pytest.mark.parametrize("field", list(CARD_FIELDS))
def test_a_card_without_a_field_or_with_a_wrong_one_is_refused_by_name(tmp_path: Path, field: str) -> None:
    without = document()
    del without[field]
    for wrong in (without, document() | {field: 7}):
        folder = place(tmp_path, f"style{len(list(tmp_path.iterdir()))}", wrong)
        with pytest.raises(StyleError, match=rf"card\.json: '{field}' must be a (str|dict|float)"):
            StyleCard.read(folder)


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "expected an object"),
        (document() | {"colour": "blue"}, "unknown field 'colour'"),
        (document() | {"metrics": {"a": "good"}}, "metrics"),
    ],
)
def test_cards_that_are_no_cards_are_refused(tmp_path: Path, card: object, complaint: str) -> None:
    with pytest.raises(StyleError, match=complaint):
        StyleCard.read(place(tmp_path, "style", card))


def test_a_missing_folder_missing_weights_and_a_bad_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StyleError, match="no such folder"):
        list_styles(tmp_path / "nowhere")
    with pytest.raises(StyleError, match="must be like 'starry-night'"):
        StyleCard.read(place(tmp_path, "Bad Name", document()))
    folder = place(tmp_path, "bare", document())
    (folder / MODEL_FILE).unlink()
    with pytest.raises(StyleError, match=r"no model\.safetensors"):
        StyleCard.read(folder)


def test_styles_are_shipped_and_stay_small() -> None:
    assert len(SHIPPED) >= 26
    assert "starry-night" in SHIPPED
    assert [card.name for card in list_styles(STYLES)] == SHIPPED
    assert max((STYLES / name / MODEL_FILE).stat().st_size for name in SHIPPED) < MEGABYTE


def test_a_style_that_is_shipped_no_more_is_found_by_its_name_and_listed_nowhere() -> None:
    assert find_retired(STYLES, "lanterns") == RETIRED / "lanterns" / MODEL_FILE
    assert find_retired(STYLES, "../retired/lanterns") is None
    assert "lanterns" not in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_style_loads_and_visibly_repaints_a_photograph(name: str) -> None:
    card = StyleCard.read(STYLES / name)
    choice = EngineChoice(device="cpu", precision="fp32", batch_size=1)
    photograph = np.ascontiguousarray(skimage.data.coffee()[::2, ::2])
    for quality in QUALITIES:
        repainted = StyleTransform.from_checkpoint(card.model_path, choice, quality=quality)(photograph[None])[0]
        assert np.abs(repainted.astype(int) - photograph).mean() > 15
        assert repainted.std() > 20, "the picture is still there"
    for path in (card.sample_path, card.painting_path):
        with Image.open(path) as picture:
            assert picture.format == "JPEG"


@pytest.mark.parametrize("quality", ["best", "standard"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_style_is_steady_while_the_camera_pans(name: str, quality: Quality) -> None:
    network = load_checkpoint(STYLES / name / MODEL_FILE, quality)
    assert pan_error(network, skimage.data.coffee()) < 0.8e-3
