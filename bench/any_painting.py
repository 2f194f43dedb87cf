"""Whether any picture is a style at once, and a calm one: forty that no network was tuned with.

    python -m bench.any_painting --data FOLDER

FOLDER has ``photographs/``; the others come with scikit-image, or are random textures. Writes
``bench/results/any_painting.json``: seconds from the file to a style file with the networks of every quality, and the
pan error of each network over scikit-image's cup of coffee, see ``stylize.style.refining.metrics``.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import skimage.data
from PIL import Image

from bench.networks.bank import random_texture
from stylize.style.network.any_painting import networks_for
from stylize.style.pictures import read_style_image
from stylize.style.refining.metrics import pan_error
from stylize.style.style_file import save_style_file

RESULT: Final = Path(__file__).parent / "results" / "any_painting.json"
NUM_PICTURES: Final = 40
OF_SCIKIT_IMAGE: Final = (
    "brick", "camera", "coins", "grass", "gravel", "hubble_deep_field", "immunohistochemistry", "moon", "page",
    "retina",
)  # fmt: skip
SEED: Final = 1
"""Of the textures; those that the networks were tuned with have another."""


def write_pictures(data: Path, folder: Path) -> list[Path]:
    """All forty, as files."""
    paths = sorted((data / "photographs").iterdir())
    for name in OF_SCIKIT_IMAGE:
        Image.fromarray(getattr(skimage.data, name)()).convert("RGB").save(folder / f"{name}.png")
        paths.append(folder / f"{name}.png")
    numbers = np.random.default_rng(SEED)
    for index in range(NUM_PICTURES - len(paths)):
        Image.fromarray(random_texture(numbers)).save(folder / f"texture-{index:02}.png")
        paths.append(folder / f"texture-{index:02}.png")
    return paths


def measure(path: Path, folder: Path) -> dict[str, Any]:
    """One row."""
    started = time.perf_counter()
    networks = networks_for(read_style_image(path))
    save_style_file(networks, folder / "style.safetensors", card={"title": path.stem}, sample_jpeg=b"")
    seconds = time.perf_counter() - started
    errors = {
        quality: float(f"{pan_error(network, skimage.data.coffee()):.3g}") for quality, network in networks.items()
    }
    return {"name": path.stem, "seconds_to_ready": round(seconds, 2), "pan_error": errors}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with photographs/")
    args = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for path in write_pictures(args.data, Path(name)):
            rows.append(measure(path, Path(name)))
            print(rows[-1], flush=True)
    worst = {quality: max(row["pan_error"][quality] for row in rows) for quality in rows[0]["pan_error"]}
    document = {
        "num_pictures": len(rows),
        "worst_seconds_to_ready": max(row["seconds_to_ready"] for row in rows),
        "worst_pan_error": worst,
        "rows": rows,
        "machine": {"cores": os.cpu_count()},
    }
    RESULT.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"worst: {worst}, {document['worst_seconds_to_ready']} s")


if __name__ == "__main__":
    main()
