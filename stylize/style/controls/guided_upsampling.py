"""Enlarge a painted picture without making it a blur: crisp strokes, and the detail of the source that the paint shows.

All pictures are tensors of shape ``(N, 3, H, W)``, RGB 0..255, of a floating type.
"""

import torch
import torch.nn.functional as F

from stylize.style.controls.color_mixing import luma

GAIN_RADIUS_PIXELS = 2
"""Half a stroke, at the size that the network sees: within it the paint is a linear function of the source, or not."""

GAIN_NOISE_VARIANCE = 20.0
"""Squared levels. Source that varies less (a standard deviation of 4.5) counts as flat: its detail is noise."""

MAX_GAIN = 1.5
"""Of source detail in the painted picture. Paint that contradicts the source (a negative gain) gets none of it."""

MAX_SHARPENING = 0.5
"""Of strokes, as a multiple of their difference from the smoothed picture. What the network lets flicker, sharpening
shows more of: on a pan, 26 % more with 0.5 (edges take 3 pixels instead of 4), 45 % with 1 (2 pixels)."""


def resize(pictures: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """To ``(height, width)``: averaged where it gets smaller, so that nothing aliases; bicubic where it gets larger."""
    if size[0] <= pictures.shape[-2]:
        return F.interpolate(pictures, size, mode="bilinear", antialias=True)
    return F.interpolate(pictures, size, mode="bicubic")


def enlarge_painted(painted: torch.Tensor, shown: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """The painted picture at the size of the source, with its strokes crisp and with detail of the source.

    ``painted`` enlarged, plus two differences in luma, the same for red, green and blue, so that colours stay:

    - What sharpening adds, up to the darkest and the brightest luma of the neighbourhood: edges get steeper, but no
      halo appears. It grows with the enlargement, so that a picture that keeps its size is left as it is.
    - The detail of the source that the network did not see, ``luma(source) - enlarged luma(shown)``, times the gain by
      which the paint follows the source there: the mean coefficient ``a`` of the fast guided filter (He and Sun, "Fast
      Guided Filter", 2015). It moves with the source: on a pan it adds 1 to 4 % to what flickers anyway.

    Args:
        painted: by the network, ``(N, 3, h, w)``.
        shown: what the network painted it from, the source reduced, ``(N, 3, h, w)``.
        source: ``(N, 3, H, W)``, larger.
    """
    size = source.shape[-2:]
    guide, paint = luma(shown), luma(painted)
    smooth = _box_mean(paint, 1)
    darkest, brightest = -F.max_pool2d(-paint, 3, 1, 1), F.max_pool2d(paint, 3, 1, 1)
    planes = torch.cat([guide, _local_gain(guide, paint), smooth, darkest, brightest], dim=1)
    guide, gain, smooth, darkest, brightest = F.interpolate(planes, size, mode="bilinear").split(1, dim=1)
    large = resize(painted, (size[0], size[1]))
    large_paint = luma(large)
    sharpening = min(MAX_SHARPENING, size[0] / painted.shape[-2] - 1)
    crisp = torch.lerp(smooth, large_paint, 1 + sharpening).clamp_(darkest, brightest)
    detail = luma(source).sub_(guide).mul_(gain)
    return large.add_(crisp.sub_(large_paint).add_(detail)).clamp_(0, 255)


def _local_gain(guide: torch.Tensor, paint: torch.Tensor) -> torch.Tensor:
    """By how much ``paint`` changes where ``guide`` changes by one level; both ``(N, 1, h, w)``, 0..255."""
    mean_guide, mean_paint = _box_mean(guide), _box_mean(paint)
    variance = _box_mean(guide * guide) - mean_guide * mean_guide
    covariance = _box_mean(guide * paint) - mean_guide * mean_paint
    return _box_mean(covariance / (variance + GAIN_NOISE_VARIANCE)).clamp_(0, MAX_GAIN)


def _box_mean(planes: torch.Tensor, radius: int = GAIN_RADIUS_PIXELS) -> torch.Tensor:
    """Mean of the window of ``2 * radius + 1`` pixels around each, of what lies inside the picture."""
    return F.avg_pool2d(planes, 2 * radius + 1, stride=1, padding=radius, count_include_pad=False)
