"""Kernels of layers that are computed otherwise than they are written: the same sums with less work."""

import torch
import torch.nn.functional as F

_FOLD = torch.tensor([[[1.0, 1, 0], [0, 0, 1]], [[1, 0, 0], [0, 1, 1]]])
"""Which of three weights in a row fall on each of two pixels of the small map, when their middle lies on the second
copy of the first pixel, and on the first copy of the second."""


def doubling_kernels(kernels: torch.Tensor) -> torch.Tensor:
    """Of doubling and 3x3 ``kernels`` ``(out, in, 3, 3)``: 2x2 kernels ``(4 out, in, 2, 2)`` on the small map.

    That is 4/9 of the work, and no doubled map is held. Where two pixels of the doubled map are copies of one, their
    weights can be added up beforehand. Each 2x2 window of the small map holds all that a square of four pixels of the
    result depends on; all channels of a pixel come before those of the next. A window on the border reaches one pixel
    further than the picture, where the edge is repeated; of its four pixels those outside are to be cut.
    """
    fold = _FOLD.to(kernels.device)
    squares = torch.einsum("pak,qbl,oikl->pqoiab", fold, fold, kernels.float())
    return squares.reshape(-1, kernels.shape[1], 2, 2).to(kernels.dtype)


def square_kernels(kernels: torch.Tensor) -> torch.Tensor:
    """Of ``kernels`` ``(out, in, side, side)`` to few channels: ``(4 out, in, side + 1, side + 1)``, for a stride of 2.

    Processors compute channels in blocks of 8 or more, so that 3 of them take the time of a whole block. Squares of 2x2
    pixels, computed at once, fill 12, and their kernel is only one row and one column larger. All channels of a pixel
    come before those of the next; the map has an even height and width.
    """
    out_channels, in_channels, side, _ = kernels.shape
    squares = kernels.new_zeros((2, 2, out_channels, in_channels, side + 1, side + 1))
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        squares[row, column, :, :, row : row + side, column : column + side] = kernels
    return squares.flatten(0, 2)


def with_exact_sums(kernels: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The nearest ``kernels`` ``(out, in, 3, 3)`` whose weights and sums of neighbours are exact in ``dtype``.

    :func:`doubling_kernels` adds weights up. Were each sum rounded by itself, the four pixels that come of one would
    differ a little, and a normalisation makes a pattern of that where there is nothing else in the picture. So all
    weights of a kernel are multiples of one step, of which bfloat16, say, can hold up to 256; two of them are left for
    the rounding of four weights.
    """
    sums = [F.avg_pool2d(kernels, size, stride=1, divisor_override=1) for size in ((1, 1), (1, 2), (2, 1), (2, 2))]
    largest = torch.stack([values.abs().amax((2, 3)) for values in sums]).amax(0)[..., None, None]
    num_steps = 2 / torch.finfo(dtype).eps
    exponents = torch.frexp(largest * (1 + 4 / num_steps)).exponent
    steps = torch.ldexp(torch.full_like(largest, 1 / num_steps), exponents)
    return (kernels / steps).round() * steps
