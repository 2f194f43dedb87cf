"""Mean and variance of maps, also of such as are never in memory as a whole."""

import torch


def mean_and_variance(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each channel of ``(1, C, H, W)``, ``(C,)`` in float32; the variance is biased.

    For interleaved channels: there ``var_mean`` takes four times as long. What the first mean left over is taken away,
    too: in a picture of one colour it is all there is.
    """
    _, channels, _, width = x.shape
    rows = x.permute(0, 2, 3, 1).flatten(2)[0].float()
    mean = _mean_of_pixels(rows, channels)
    centred = rows - mean.repeat(width)
    rest = _mean_of_pixels(centred, channels)
    return mean + rest, _mean_of_pixels(centred.square_(), channels) - rest.square()


def _mean_of_pixels(rows: torch.Tensor, channels: int) -> torch.Tensor:
    """Of ``(H, W C)``: of each column first, so that no sum has many addends."""
    return rows.mean(0).unflatten(0, (-1, channels)).mean(0)


class Moments:
    """Mean and variance per channel of what was added so far.

    Merged pairwise in float64: Chan, Golub, LeVeque, "Algorithms for Computing the Sample Variance", 1983, eq. 2.1.

    Attributes:
        count: how many values per channel.
        mean: ``(channels,)``, float64.
        squares: sum of the squared differences from the mean, ``(channels,)``, float64.
    """

    def __init__(self) -> None:
        """Of nothing yet."""
        self.count = 0
        self.mean = self.squares = torch.zeros((), dtype=torch.float64)

    @property
    def variance(self) -> torch.Tensor:
        """``(channels,)``, float64; biased, as instance normalisation takes it."""
        return self.squares / self.count

    def add(self, x: torch.Tensor) -> None:
        """Take in ``(1, channels, rows, columns)``."""
        mean, variance = (value.double() for value in mean_and_variance(x))
        added = x.shape[2] * x.shape[3]
        self._merge(added, mean, variance * added)

    def merge(self, other: "Moments") -> None:
        """Take in what was added to another."""
        self._merge(other.count, other.mean, other.squares)

    def _merge(self, added: int, mean: torch.Tensor, squares: torch.Tensor) -> None:
        total = self.count + added
        shift = mean - self.mean
        self.mean = self.mean + shift * (added / total)
        self.squares = self.squares + squares + shift.square() * (self.count * added / total)
        self.count = total
