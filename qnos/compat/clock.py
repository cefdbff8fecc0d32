"""Simulated time and seeds as scripts know them: module level, of the whole interpreter.

`sim_time()` is that of the program that runs, and between runs the time at which the last one ended.
"""

from __future__ import annotations

from typing import Final

from qnos.compat.guest import current


class _Clock:
    """What is known between runs, and with which seed the next begins."""

    def __init__(self) -> None:
        self.ended_ns = 0
        self.seed = 0
        self.runs = 0  # since the seed was set

    def next_run(self, rounds: int = 1) -> tuple[int, int]:
        """Seed and number of the run that begins now: each draws random numbers of its own, as does each of
        its rounds."""
        self.runs += rounds
        self.ended_ns = 0
        return self.seed, self.runs - rounds


CLOCK: Final = _Clock()


def sim_time() -> float:
    """Simulated time in ns."""
    guest = current()
    return float(guest.node.now_ns if guest is not None else CLOCK.ended_ns)


def sim_reset() -> None:
    """Time is 0 again; runs begin there anyway."""
    CLOCK.ended_ns = 0


def set_random_state(seed: int | None = None) -> None:
    """Runs from now on are those of this seed (any integer); the same calls give the same results again."""
    CLOCK.seed = 0 if seed is None else int(seed)
    CLOCK.runs = 0
