"""Angles as NetQASM says them: n*pi/2^d with n and d of one byte.

`rotations_of(angle)` turns radians into at most two such pairs.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

from qruntime.errors import ProgramError

# Two bytes of numerator over 2^15 cover a full turn of 2 pi; each rotation costs time and noise on the
# device, so a third one for more digits would make things worse.
RESOLUTION_BITS: Final = 15
WORST_ERROR: Final = math.pi / 2 ** (RESOLUTION_BITS + 1)  # rad, half a step: 4.8e-5
BYTE_MAX: Final = 255


@lru_cache(maxsize=4096)
def rotations_of(angle: float) -> tuple[tuple[int, int], ...]:
    """The pairs (n, d) whose angles n*pi/2^d add up to `angle` (rad, any sign) modulo 2 pi.

    At most two pairs, none for a multiple of 2 pi. The sum is within `WORST_ERROR` (4.8e-5 rad, an infidelity
    below 6e-10). Raises `ProgramError` if the angle is not finite.
    """
    if not math.isfinite(angle):
        raise ProgramError(f"angle is {angle}; a finite number of radians is needed")
    steps = round(math.remainder(angle, 2 * math.pi) / math.pi * 2**RESOLUTION_BITS) % 2 ** (
        RESOLUTION_BITS + 1
    )
    one = _reduced(steps, RESOLUTION_BITS)
    if one[0] <= BYTE_MAX:
        return (one,) if one[0] else ()
    low = steps & BYTE_MAX
    return _reduced(steps - low, RESOLUTION_BITS), _reduced(low, RESOLUTION_BITS)


def _reduced(n: int, d: int) -> tuple[int, int]:
    """The same angle with the smallest d."""
    while d and not n & 1:
        n >>= 1
        d -= 1
    return n, d
