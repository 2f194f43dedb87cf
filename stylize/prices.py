"""What time on a machine costs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What an hour of a step costs. An estimate: idle machines, disks and everything that stands by are not in it.

    Attributes:
        gpu_hour: price of an hour of a step that has a GPU, its share of the machine included.
        cpu_hour: price of an hour of a step that has none.
        currency: name of the money of both; only shown.
    """

    gpu_hour: float
    cpu_hour: float
    currency: str

    @property
    def known(self) -> bool:
        """Whether any price is set; without one a cost of 0 says nothing."""
        return self.gpu_hour > 0 or self.cpu_hour > 0

    def cost(self, *, gpu_seconds: float, cpu_seconds: float) -> float:
        """Estimated cost, in ``currency``, of steps that ran for so long with a GPU and without one."""
        return (gpu_seconds * self.gpu_hour + cpu_seconds * self.cpu_hour) / 3600
