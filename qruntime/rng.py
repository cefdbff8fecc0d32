"""Named random streams: one root seed, one stream per shot and purpose.

A stream is a counter run through splitmix64 (Steele, Lea, Flood, OOPSLA 2014), keyed by (seed, name, shot).
Streams do not depend on who draws first or in which process, and making one costs less than a microsecond,
so each purpose has its own: switching one noise source off leaves the draws of the others alone.

`Streams(seed).stream(name, shot)` is the call; `mix` is the stateless hash that jitter uses.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_TO_UNIT = 2.0**-53


def mix(x: int) -> int:
    """The splitmix64 finaliser: a bijection of 64-bit integers whose outputs look unrelated."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


@lru_cache(maxsize=4096)
def key(seed: int, name: str) -> int:
    """64-bit key of a purpose under a root seed (any Python int)."""
    return int.from_bytes(hashlib.blake2b(f"{seed:d}/{name}".encode(), digest_size=8).digest(), "little")


def shot_key(seed: int, name: str, shot: int) -> int:
    """64-bit key of a purpose in one shot."""
    return mix((key(seed, name) + shot * _GOLDEN) & _MASK)


class Stream:
    """One sequence of draws."""

    __slots__ = ("_state",)

    def __init__(self, state: int) -> None:
        self._state = state

    def bits(self) -> int:
        """64 random bits."""
        self._state = state = (self._state + _GOLDEN) & _MASK
        return mix(state)

    def uniform(self) -> float:
        """A float in [0, 1) with 53 random bits."""
        self._state = x = (self._state + _GOLDEN) & _MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((x ^ (x >> 31)) >> 11) * _TO_UNIT


class Streams:
    """All streams of a run.

    `seed` is any int.
    """

    __slots__ = ("seed",)

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, name: str, shot: int) -> Stream:
        """A fresh stream for one purpose of one shot, always the same for the same arguments."""
        return Stream(shot_key(self.seed, name, shot))
