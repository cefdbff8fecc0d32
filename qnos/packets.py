"""How long a stretch of attempts must be for a packet of entangled pairs: packet generation attempts.

A schedule of a quantum network reserves time slots for an application. `slots_without_memory` and
`slots_with_memory` give the least number of slots in which a packet of k end-to-end pairs over s swaps is
obtained with a given probability, as Beauchamp et al. (arXiv:2503.12582) define it. In the first a slot is
one independent trial of everything. In the second pairs of a link live for some slots and wait for each
other, and the k pairs must come within that time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

MOST_SLOTS: Final = 1 << 40  # beyond it the rounding of a probability near 1 would decide


def slot_probability(p_gen: float, attempts: int, swaps: int, p_swap: float) -> float:
    """Probability that one slot gives an end-to-end pair when nothing is stored.

    (1 - (1-p_gen)^attempts)^(swaps+1) p_swap^swaps: every link succeeds within its attempts, and every swap
    does. Probabilities in 0..1, `attempts` per slot of 1 or more, `swaps` of 0 or more; else `ValueError`.
    """
    return link_probability(p_gen, attempts) ** (_at_least(swaps, "swaps", 0) + 1) * (
        _probability(p_swap, "p_swap") ** swaps
    )


def link_probability(p_gen: float, attempts: int) -> float:
    """Probability that a link makes a pair in a slot, 1 - (1-p_gen)^attempts."""
    _probability(p_gen, "p_gen")
    _at_least(attempts, "attempts", 1)
    return 1.0 if p_gen == 1 else -math.expm1(attempts * math.log1p(-p_gen))


def stored_slot_probability(p_gen: float, attempts: int, swaps: int, p_swap: float, lifetime: int) -> float:
    """Probability per slot of an end-to-end pair when a link's pair lives for `lifetime` slots.

    p_swap^swaps/E with E the mean number of slots until all L = swaps + 1 links hold a pair at once. With r
    the probability that a link makes none in a slot, and W the lifetime,

        E = sum_(j=1..L) (-1)^(j+1) C(L,j)/(1-r^j)  /  {[(1-r^W)^L - (r-r^W)^L]/(1-r^L)}:

    the mean time until each link has made one, over the probability that the first is then still there.
    """
    _at_least(lifetime, "lifetime", 1)
    swapped = _probability(p_swap, "p_swap") ** _at_least(swaps, "swaps", 0)
    r = 1 - link_probability(p_gen, attempts)
    if r == 1:
        return 0.0
    links = swaps + 1
    all_made = math.fsum((-1) ** (j + 1) * math.comb(links, j) / (1 - r**j) for j in range(1, links + 1))
    expired = r**lifetime
    in_time = ((1 - expired) ** links - (r - expired) ** links) / (1 - r**links)
    return swapped * in_time / all_made


def slots_without_memory(k: int, p: float, p_packet: float) -> int:
    """The least n with P[Binomial(n, p) >= k] >= p_packet, for k pairs of probability p per slot.

    `ValueError` unless k is 1 or more, 0 < p <= 1 and 0 < p_packet < 1.
    """
    _check_packet(k, p, p_packet)
    return _least(k, lambda n: _binomial_tail(k, n, p) >= p_packet)


def slots_with_memory(k: int, q: float, lifetime: int, p_packet: float) -> int:
    """The least n with a probability of at least p_packet that some `lifetime` consecutive slots among n hold
    k pairs or more, each slot giving one with probability q; arguments as above."""
    _check_packet(k, q, p_packet)
    _at_least(lifetime, "lifetime", 1)
    if k > lifetime:
        raise ValueError(f"k is {k!r}; allowed: at most lifetime, {lifetime}, as a slot gives one pair")
    return _least(k, lambda n: scan_probability(k, q, lifetime, n) >= p_packet)


def scan_probability(k: int, q: float, window: int, n: int) -> float:
    """Probability that some `window` consecutive trials among n hold k successes or more; each has q.

    Exact for k = 1 and for n up to the window. Beyond it Naus's approximation of the scan statistic (J. Am.
    Stat. Assoc. 77, 177, 1982), 1 - Q2 (Q3/Q2)^(n/window - 2), from the exact probabilities Q2 and Q3 that
    two and three windows' worth of trials hold no such stretch; a Q2 or Q3 of 0 or less counts as certainty.
    """
    _check_packet(k, q, 0.5)
    _at_least(window, "window", 1)
    _at_least(n, "n", 0)
    if k == 1:
        return 1.0 if q == 1 and n else -math.expm1(n * math.log1p(-q)) if n else 0.0
    if n <= window:
        return _binomial_tail(k, n, q)
    q2, q3 = _quiet(k, q, window)
    if q2 <= 0 or q3 <= 0:
        return 1.0
    return -math.expm1(math.log(q2) + (n / window - 2) * math.log(q3 / q2))


def _quiet(k: int, q: float, w: int) -> tuple[float, float]:
    """Q2 and Q3: no w consecutive among 2w, and among 3w, trials hold k successes."""
    mass = [_mass(j, w, q) for j in range(2 * k + 1)]
    below = [_distribution(w, q, k), _distribution(w - 1, q, k), _distribution(w - 2, q, k)]

    def b(j: int) -> float:
        return mass[j]

    def f(j: int, fewer: int = 0) -> float:
        """P[Binomial(w - fewer, q) <= j]."""
        return below[fewer][j] if j >= 0 else 0.0

    mean = w * q
    q2 = f(k - 1) ** 2 - (k - 1) * b(k) * f(k - 2) + mean * b(k) * f(k - 3, 1)
    a1 = 2 * b(k) * f(k - 1) * ((k - 1) * f(k - 2) - mean * f(k - 3, 1))
    a2 = (
        b(k) ** 2
        / 2
        * ((k - 1) * (k - 2) * f(k - 3) - 2 * (k - 2) * mean * f(k - 4, 1) + w * (w - 1) * q**2 * f(k - 5, 2))
    )
    a3 = math.fsum(b(2 * k - i) * f(i - 1) ** 2 for i in range(1, k))
    a4 = math.fsum(b(2 * k - i) * b(i) * ((i - 1) * f(i - 2) - mean * f(i - 3, 1)) for i in range(2, k))
    return q2, f(k - 1) ** 3 - a1 + a2 + a3 - a4


def _mass(j: int, n: int, p: float) -> float:
    """P[Binomial(n, p) = j]."""
    if not 0 <= j <= n:
        return 0.0
    if p == 1:
        return 1.0 if j == n else 0.0
    log = math.lgamma(n + 1) - math.lgamma(j + 1) - math.lgamma(n - j + 1)
    return math.exp(log + j * math.log(p) + (n - j) * math.log1p(-p))


def _distribution(n: int, p: float, up_to: int) -> list[float]:
    """P[Binomial(n, p) <= j] for j = 0 .. up_to."""
    total = 0.0
    found = []
    for j in range(up_to + 1):
        total += _mass(j, n, p)
        found.append(total)
    return found


def _binomial_tail(k: int, n: int, p: float) -> float:
    """P[Binomial(n, p) >= k]."""
    if n < k:
        return 0.0
    return 1 - math.fsum(_mass(j, n, p) for j in range(k))


def _least(start: int, enough: Callable[[int], bool]) -> int:
    """The least n >= start that is enough, by doubling and bisection."""
    high = start
    while not enough(high):
        if high > MOST_SLOTS:
            raise ValueError(f"more than {MOST_SLOTS} slots would be needed")
        high *= 2
    low = max(high // 2, start - 1)
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _check_packet(k: int, p: float, p_packet: float) -> None:
    _at_least(k, "k", 1)
    if not 0 < p <= 1:
        raise ValueError(f"the probability per slot is {p!r}; allowed: above 0, to 1")
    if not 0 < p_packet < 1:
        raise ValueError(f"p_packet is {p_packet!r}; allowed: between 0 and 1")


def _probability(value: float, name: str) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; allowed: 0 to 1")
    return value


def _at_least(value: int, name: str, low: int) -> int:
    if not isinstance(value, int) or value < low:
        raise ValueError(f"{name} is {value!r}; allowed: an integer of at least {low}")
    return value
