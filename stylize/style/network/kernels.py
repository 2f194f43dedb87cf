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


def aligned_doubling_kernels(kernels: torch.Tensor) -> torch.Tensor:
    """As :func:`doubling_kernels`, but 3x3, so that each window gives the square that its middle pixel becomes.

    More work, but the result needs no cutting and stays in squares: :func:`unshuffled_kernels` go on with it.
    """
    fold = torch.zeros(2, 3, 3, device=kernels.device)
    fold[0, :2], fold[1, 1:] = _FOLD[1].to(kernels.device), _FOLD[0].to(kernels.device)
    squares = torch.einsum("pak,qbl,oikl->pqoiab", fold, fold, kernels.float())
    return squares.flatten(0, 2).to(kernels.dtype)


def unshuffled_kernels(kernels: torch.Tensor, block: int = 2) -> torch.Tensor:
    """Of ``kernels`` ``(out, in, rows, columns)``, multiples of ``block``: the same for maps in blocks of pixels.

    ``(out, block^2 in, rows / block, columns / block)``, of a map whose channels are the pixels of each block, all
    channels of a pixel before those of the next. Few channels at full size become many at a part of it, which is what
    processors are fast at; a stride of ``block`` becomes one of 1.
    """
    cells = kernels.unflatten(3, (-1, block)).unflatten(2, (-1, block))
    return cells.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


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


def with_equal_sums(kernels: torch.Tensor, num_pixels: int, dtype: torch.dtype) -> torch.Tensor:
    """The nearest ``kernels`` ``(colors num_pixels, in, 3, 3)`` in ``dtype`` whose sums over all pixels are equal.

    They are so before rounding, see :meth:`quarter_network.QuarterNet.equalize_pixels_`. All weights of a color and an
    input channel are multiples of one step; what rounding took from a sum is given to the middle of the kernel.
    """
    by_color = kernels.unflatten(0, (-1, num_pixels))
    largest = by_color.abs().amax((1, 3, 4), keepdim=True)
    num_steps = 2 / torch.finfo(dtype).eps
    exponents = torch.frexp(largest * (1 + 9 / num_steps)).exponent
    steps = torch.ldexp(torch.full_like(largest, 1 / num_steps), exponents)
    multiples = (by_color / steps).round()
    wanted = (by_color.sum((3, 4)).mean(1, keepdim=True) / steps[..., 0, 0]).round()
    multiples[..., 1, 1] += wanted - multiples.sum((3, 4))
    return (multiples * steps).flatten(0, 1)
