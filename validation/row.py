"""`Row`: one published value beside ours."""

from __future__ import annotations

import math

import msgspec

from qnos.statistics import Metric

Values = float | tuple[float, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    `published` is what to reproduce, a number or several; `derived` says that it was computed from a
    published model rather than printed. With a standard `error` of `ours` they agree if they differ by at
    most `tolerance` errors; without one, as ours is exact, if none differs by more than `tolerance`. `reason`
    says why they do not agree, where that is known.
    """

    what: str
    published: Values
    ours: Values
    error: float | None = None
    tolerance: float = 0.0
    derived: bool = False
    reason: str = ""

    @property
    def difference(self) -> float:
        """Ours less published, the largest if there are several: in standard errors if ours has one."""
        differences = [
            ours - published for ours, published in zip(_each(self.ours), _each(self.published), strict=True)
        ]
        largest = max(
            differences, key=lambda difference: math.inf if math.isnan(difference) else abs(difference)
        )
        if self.error is None or largest == 0:
            return largest
        return largest / self.error if self.error else math.copysign(math.inf, largest)

    @property
    def agrees(self) -> bool:
        """Whether they are the same within the tolerance; never for NaN."""
        return abs(self.difference) <= self.tolerance

    @property
    def is_explained(self) -> bool:
        """Whether nobody need look into it: they agree, or it is known why not."""
        return self.agrees or bool(self.reason)

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """As text: what, published, ours, difference, verdict."""
        published = _text(self.published) + (" (derived)" if self.derived else "")
        if self.error is None:
            ours = _text(self.ours)
            difference = f"{self.difference:.1g}" if self.difference else "0"
            difference += f", allowed {self.tolerance:.2g}" if self.tolerance else ""
        else:
            ours = f"{_each(self.ours)[0]:.5f} ± {self.error:.5f}"
            difference = f"{self.difference:+.1f} sigma"
        verdict = "agrees" if self.agrees else f"differs: {self.reason or 'unexplained'}"
        return self.what, published, ours, difference, verdict


def sampled(what: str, published: float, metric: Metric, *, derived: bool = False, reason: str = "") -> Row:
    """The row of a mean over shots: it agrees within 3 standard errors."""
    return Row(
        what=what,
        published=published,
        ours=metric.mean,
        error=metric.stderr,
        tolerance=3.0,
        derived=derived,
        reason=reason,
    )


def _each(values: Values) -> tuple[float, ...]:
    return values if isinstance(values, tuple) else (values,)


def _text(values: Values) -> str:
    return ", ".join(str(value) if isinstance(value, int) else f"{value:.9g}" for value in _each(values))
