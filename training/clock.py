"""Time as this product reports it: CPU seconds, which other users of the machine do not change."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass, field


def cpu_seconds() -> float:
    """Processor time of this process and its threads so far, in seconds, summed over the cores."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@dataclass
class Stopwatch:
    """What was spent since it was made, in CPU seconds and in seconds on the wall.

    Attributes:
        before: what was spent earlier and counts too, e.g. by a call that was killed
    """

    before: tuple[float, float] = (0.0, 0.0)
    _began: tuple[float, float] = field(default_factory=lambda: _now())

    def spent(self) -> tuple[float, float]:
        """CPU seconds and seconds so far."""
        (cpu, wall), (began_cpu, began_wall) = _now(), self._began
        return cpu - began_cpu + self.before[0], wall - began_wall + self.before[1]


def _now() -> tuple[float, float]:
    return cpu_seconds(), time.monotonic()
