"""A network and a service that are in trouble all the time, a little."""

import random
import threading
import time
from collections import Counter

from tests.fault_proxy import Fault, FaultProxy

TROUBLE: tuple[Fault, ...] = (
    Fault("busy"),
    Fault("busy", retry_after_seconds=1),
    Fault("lose_answer"),
    Fault("reset"),
    Fault("pass"),
)


class RoughNetwork(FaultProxy):
    """Does something bad to a share of all requests; ``pass`` here means: late.

    Attributes:
        share: of all requests; this and the next two may be changed at any time.
        late_seconds: how late.
        trouble: what may happen, each as likely as the others.
        happened: how often each kind of trouble came.
    """

    def __init__(self, target_port: int, *, share: float, late_seconds: float) -> None:
        super().__init__(target_port)
        self.share = share
        self.late_seconds = late_seconds
        self.trouble = TROUBLE
        self.happened: Counter[str] = Counter()
        self._dice = random.Random(1)
        self._dice_lock = threading.Lock()

    def next_fault(self, method: str, path: str) -> Fault:
        fault = super().next_fault(method, path)
        with self._dice_lock:
            if self._dice.random() >= self.share:
                return fault
            fault = self._dice.choice(self.trouble)
            self.happened[fault.kind] += 1
        if fault.kind == "pass":
            time.sleep(self.late_seconds)
        return fault
