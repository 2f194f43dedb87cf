"""The judge of strokes: how far pictures are from a painting, as the style prediction network sees them.

That network was trained to tell styles apart, and a style needs it anyway. What it sees in its early layers are
strokes: a Gram loss there brings them into pictures without the diagonal hatch that classifiers like SqueezeNet leave.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from stylize.style.network.style_prediction import INPUT_SIDE, load_predictor, predict_style
from stylize.style.network.tensors import to_tensor
from stylize.style.pictures import Picture, resized
from stylize.style.refining.losses import centered_gram, palette, relative_distance

STROKE_BLOCKS = (0, 1, 2, 4, 7)
"""Of the predictor: with the stem, those whose statistics say what strokes are like, seen every 2 to 16 pixels."""

CONTENT_BLOCK = 7
"""Says what a picture shows."""

MEANS_WEIGHT = 0.3
"""Of the means of channels, beside their Gram matrices."""

MAX_PIECE_ASPECT = 4
"""A painting that is longer than this many times its width is looked at in pieces, or its activations fill memory."""


class StyleJudge:
    """Compares pictures ``(N, 3, H, W)``, values 0..1, with one painting.

    Attributes:
        vector: the style of the painting, ``(100,)``.
        palette: its colors, see :func:`losses.palette`.
    """

    def __init__(self, painting: Picture, *, stroke_side: int, device: str = "cpu") -> None:
        """Look at the painting.

        Args:
            painting: of any size.
            stroke_side: its shorter side, in pixels, when it is compared with pictures: larger, larger strokes.
            device: where pictures will be.
        """
        predictor = load_predictor()
        self.vector = predict_style(predictor, painting).to(device)
        self._predictor = predictor.to(device)
        reduced = resized(painting, stroke_side)
        self.palette = palette(to_tensor(reduced).to(device))
        self._grams, self._means = self._look_at_painting(reduced, device)

    @torch.no_grad()
    def _look_at_painting(self, painting: Picture, device: str) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        height, width = painting.shape[:2]
        num_pieces = -(-max(height, width) // (MAX_PIECE_ASPECT * min(height, width)))
        seen = [
            stroke_statistics(self.features(to_tensor(piece).to(device) / 255))
            for piece in np.array_split(painting, num_pieces, axis=int(width > height))
        ]
        return _means_of([grams for grams, _ in seen]), _means_of([means for _, means in seen])

    def features(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """What the judge sees in pictures, layer by layer; :meth:`stroke_distance` and others take it."""
        return self._predictor.features(pictures, STROKE_BLOCKS)

    def stroke_distance(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """From the strokes of the painting, of all pictures together: each of them need not show all of its strokes."""
        grams, means = stroke_statistics(features)
        gram_distances = [relative_distance(*pair) for pair in zip(grams, self._grams, strict=True)]
        mean_distances = [relative_distance(*pair) for pair in zip(means, self._means, strict=True)]
        return torch.stack(gram_distances).mean() + MEANS_WEIGHT * torch.stack(mean_distances).mean()

    def style_distance(self, pictures: torch.Tensor) -> torch.Tensor:
        """From the painting's 100 numbers."""
        square = F.interpolate(pictures, (INPUT_SIDE, INPUT_SIDE), mode="bilinear")
        found = self._predictor(square)
        return relative_distance(found, self.vector.expand_as(found))

    def content(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Of what it sees, that which says what pictures show."""
        return features[1 + STROKE_BLOCKS.index(CONTENT_BLOCK)]


def _means_of(seen: Sequence[Sequence[torch.Tensor]]) -> list[torch.Tensor]:
    """Layer by layer, over all pieces."""
    return [torch.stack(layer).mean(dim=0) for layer in zip(*seen, strict=True)]


def stroke_statistics(
    features: Sequence[torch.Tensor], *, pooled: bool = True
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Gram matrices and means of the channels, layer by layer: over all pictures, or of each."""
    grams, means = [centered_gram(layer) for layer in features], [layer.mean(dim=(2, 3)) for layer in features]
    if pooled:
        return [gram.mean(dim=0) for gram in grams], [mean.mean(dim=0) for mean in means]
    return grams, means
