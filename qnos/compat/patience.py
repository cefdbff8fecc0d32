"""`time.sleep` of blocking programs whose style has a way to wait: in simulated time, not by the wall clock.

`put_in_place()` and `put_back()` go together; a program may have imported the function in between.
"""

from __future__ import annotations

import time
from typing import Any, Final, SupportsIndex

from qnos.compat.guest import current

_REAL: Final[list[Any]] = []  # the function as it was, while ours is in place


def put_in_place() -> None:
    """From now on `time.sleep` waits for simulated seconds in such programs; elsewhere it is as ever."""
    if not _REAL:
        _REAL.append(time.sleep)
        time.sleep = _sleep


def put_back() -> None:
    """It is as it was."""
    if _REAL:
        time.sleep = _REAL.pop()


def _sleep(seconds: float | SupportsIndex, /) -> None:
    guest = current()
    wait = getattr(None if guest is None else guest.place, "sleep", None)
    if wait is None:
        (_REAL[0] if _REAL else time.sleep)(seconds)
    elif float(seconds) < 0:
        raise ValueError("sleep length must be non-negative")
    else:
        wait(float(seconds))
