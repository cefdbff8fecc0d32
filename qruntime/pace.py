"""Simulated time that keeps pace with the time on the wall.

Pure: `Pace` is told what the wall clock says (seconds of any monotonic clock).
"""

from __future__ import annotations

from collections.abc import Iterable


class Pace:
    """Simulated time runs up to `factor` simulated seconds per second on the wall, from the first question
    on; factor 0 means as fast as it goes."""

    def __init__(self, factor: float) -> None:
        self.is_set = factor > 0
        self._ns_per_s = factor * 1e9
        self._began: tuple[float, int] | None = None  # time on the wall and simulated time

    def limit_ns(self, now_s: float, now_ns: int) -> int | None:
        """Up to where simulated time, which is at `now_ns`, may go now; None: anywhere."""
        if not self.is_set:
            return None
        if self._began is None:
            self._began = (now_s, now_ns)
        began_s, began_ns = self._began
        return began_ns + round((now_s - began_s) * self._ns_per_s)

    def patience_s(self, now_s: float, next_ns: Iterable[int | None]) -> float:
        """How long until the first of the next events (None: there is none) may happen."""
        due = [at for at in next_ns if at is not None]
        if self._began is None or not due:
            return float("inf")
        began_s, began_ns = self._began
        return max(0.0, began_s + (min(due) - began_ns) / self._ns_per_s - now_s)
