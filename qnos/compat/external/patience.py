"""`time.sleep` of programs: they wait in simulated time, not for the clock on the wall."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import SupportsIndex

from qnos.compat.external.party import Party
from qnos.compat.guest import current


@contextmanager
def sleeping_in_simulated_time() -> Iterator[None]:
    """Meanwhile `time.sleep` of a program waits for so many simulated seconds; anybody else's is as ever."""
    real = time.sleep

    def sleep(seconds: float | SupportsIndex, /) -> None:
        guest = current()
        if guest is None or not isinstance(guest.place, Party):
            real(seconds)
        elif float(seconds) < 0:
            raise ValueError("sleep length must be non-negative")
        else:
            guest.place.mail.sleep(float(seconds))

    time.sleep = sleep
    try:
        yield
    finally:
        time.sleep = real
