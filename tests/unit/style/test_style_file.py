"""A style as one file: what its header says is shown, and can do no harm."""

import base64
import json
from pathlib import Path

import pytest
import torch

from stylize.style.checkpoint import load_checkpoint
from stylize.style.network.network import NetworkSize, TransformerNet
from stylize.style.style_file import MAX_TEXT_LENGTH, StyleHeader, read_style_header, save_style_file

TINY = NetworkSize(widths=(4, 6, 8), blocks=1)


def header(**metadata: object) -> bytes:
    text = json.dumps({"__metadata__": metadata}).encode()
    return len(text).to_bytes(8, "little") + text


def test_card_and_sample_come_back_and_the_weights_load(tmp_path: Path) -> None:
    network = TransformerNet(TINY)
    path = tmp_path / "style.safetensors"
    card = {"title": "Wavé", "description": "Two\n waves.", "recipe": {"iterations": 3}}
    save_style_file(network, path, card=card, sample_jpeg=b"jpeg")
    read = read_style_header(path.read_bytes())
    assert read == StyleHeader(title="Wavé", description="Two waves.", card=card, sample_jpeg=b"jpeg")
    loaded = load_checkpoint(path).state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in network.state_dict().items())


def test_the_same_style_gives_the_same_bytes(tmp_path: Path) -> None:
    network = TransformerNet(TINY)
    for name in "abcdefgh":  # the library's own order of the metadata is another one nearly every time
        save_style_file(network, tmp_path / name, card={"title": "x"}, sample_jpeg=b"jpeg")
    assert len({(tmp_path / name).read_bytes() for name in "abcdefgh"}) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 a zip of torch.save",
        (2**63).to_bytes(8, "little") + b"{}",
        header(card="{"),
        header(card="[]"),
        header(card="{}", sample_jpeg="not base64"),
        header(style="x"),
        len(b"[" * 90_000).to_bytes(8, "little") + b"[" * 90_000,
    ],
)
def test_a_file_without_a_readable_card_says_nothing(content: bytes) -> None:
    assert read_style_header(content) == StyleHeader()


def test_texts_from_a_file_are_one_printable_line_of_bounded_length() -> None:
    card = {"title": "\x1b[31mred\nalert\x07", "description": "x" * 10_000}
    sample = base64.b64encode(b"jpeg").decode()
    read = read_style_header(header(card=json.dumps(card), sample_jpeg=sample))
    assert read.title == "[31mred alert"
    assert len(read.description) == MAX_TEXT_LENGTH
    assert read_style_header(header(card=json.dumps({"title": 7}))).title == ""
