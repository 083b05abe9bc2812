"""Time as this product reports it: core-seconds, which other users of the machine do not change."""

from __future__ import annotations

import resource


def core_seconds() -> float:
    """Processor time of this process and its threads so far, in seconds, summed over the cores."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
