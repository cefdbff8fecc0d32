"""When a link may attempt entanglement: its time bins, known to both ends alike.

A network schedule gives each link bins, which come once or over and over. Some are for the requests of
certain programs only, so a `LinkBins` has a `Timetable` for every program that asks.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

NEVER_NS: Final = 1 << 62  # later than anything


class LinkBin(NamedTuple):
    """A bin within one period, in ns from its beginning; `apps` names applications, none: for all."""

    start_ns: int
    end_ns: int
    apps: tuple[str, ...] = ()


class Timetable:
    """Disjoint bins in order, the first period from `first_ns` on; `period_ns` None: they come once.

    `look(now)` says whether `now` is in a bin, and leaves `start_ns` and `end_ns` of that bin, else of the
    next one; both are `NEVER_NS` if there is none. It is a binary search.
    """

    __slots__ = ("_ends_ns", "_first_ns", "_period_ns", "_starts_ns", "end_ns", "start_ns")

    def __init__(self, first_ns: int, period_ns: int | None, bins: Sequence[LinkBin]) -> None:
        self._first_ns = first_ns
        self._period_ns = period_ns
        self._starts_ns = [row.start_ns for row in bins]
        self._ends_ns = [row.end_ns for row in bins]
        self.start_ns = self.end_ns = NEVER_NS

    def look(self, now_ns: int) -> bool:
        """Whether `now_ns` is in a bin; one contains its start and not its end."""
        base_ns, period_ns = self._first_ns, self._period_ns
        if period_ns is not None and now_ns > base_ns:
            base_ns = now_ns - (now_ns - base_ns) % period_ns
        index = bisect_right(self._ends_ns, now_ns - base_ns)
        if index == len(self._ends_ns):
            if period_ns is None or not index:
                self.start_ns = self.end_ns = NEVER_NS
                return False
            index = 0
            base_ns += period_ns
        self.start_ns = base_ns + self._starts_ns[index]
        self.end_ns = base_ns + self._ends_ns[index]
        return self.start_ns <= now_ns


class LinkBins:
    """The bins of one link.

    `grid_ns` is the clock on which its ends hear of pairs (0: at once), so that each knows until when one
    that was made in a bin can come.
    """

    def __init__(
        self, first_ns: int, period_ns: int | None, bins: Sequence[LinkBin], grid_ns: int = 0
    ) -> None:
        self._when = first_ns, period_ns
        self._bins = list(bins)
        self._tables: dict[str, Timetable] = {}
        self.grid_ns = grid_ns
        self.names_apps = any(row.apps for row in bins)

    def of(self, app: str) -> Timetable:
        """Those that programs of application `app` may use."""
        if not self.names_apps:
            app = ""
        table = self._tables.get(app)
        if table is None:
            table = self._tables[app] = Timetable(
                *self._when, [row for row in self._bins if not row.apps or app in row.apps]
            )
        return table
