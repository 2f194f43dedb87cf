"""Mean and variance of maps that are never in memory as a whole."""

import torch


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
        variance, mean = (value.double() for value in torch.var_mean(x.float(), dim=(0, 2, 3), correction=0))
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
