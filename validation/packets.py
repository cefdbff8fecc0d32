"""Slots that a packet of k pairs takes in a network schedule: `qnos.packets`.

The definition is that of Beauchamp et al. (arXiv:2503.12582); the integers were computed from it apart from
this project. s is the number of swaps, p_packet the wanted probability, the three numbers are those for k =
1, 2, 5. Without memory: 50 attempts to a slot, p_gen 0.001, p_swap 0.95. With memory: 200 attempts to a
slot, p_gen 0.001, p_swap 0.6, pairs that live 200 slots; weak links have 5 attempts to a slot. Nothing is
sampled; `shots` do not matter."""

from __future__ import annotations

from qnos.packets import (
    scan_probability,
    slot_probability,
    slots_with_memory,
    slots_without_memory,
    stored_slot_probability,
)
from validation.row import Row

SHOTS = 1
QUICK = 1

PAIRS = (1, 2, 5)
WINDOW = 200
P_GEN = 0.001

WITHOUT_P = (0.0487943718, 0.00226184618, 0.000104847095)
WITHOUT = {
    (0, 0.1): (3, 12, 51),
    (0, 0.5): (14, 35, 96),
    (0, 0.9): (47, 79, 162),
    (1, 0.1): (47, 236, 1077),
    (1, 0.5): (307, 742, 2065),
    (1, 0.9): (1017, 1719, 3533),
    (2, 0.1): (1005, 5073, 23203),
    (2, 0.5): (6611, 16008, 44550),
    (2, 0.9): (21961, 37098, 76239),
}
WITH_Q = (0.181351171, 0.0750345551, 0.0372592996)
WITH = {
    (0, 0.1): (1, 4, 15),
    (0, 0.5): (4, 9, 26),
    (0, 0.9): (12, 20, 43),
    (1, 0.1): (2, 8, 34),
    (1, 0.5): (9, 23, 62),
    (1, 0.9): (30, 51, 105),
    (2, 0.1): (3, 15, 67),
    (2, 0.5): (19, 45, 126),
    (2, 0.9): (61, 103, 222),
}
WEAK_Q = (0.00499000999, 0.00126129835)
WEAK = {0: (1121, 2977, 38364), 1: (9946, 80954, 15326752)}
SCAN = {(3, 0.03, 20, 200): 0.3619, (2, 0.05, 10, 100): 0.7478}


def rows(shots: int) -> list[Row]:
    """Both tables, the weak links, the scan statistic."""
    p = tuple(slot_probability(P_GEN, 50, swaps, 0.95) for swaps in range(3))
    q = tuple(stored_slot_probability(P_GEN, 200, swaps, 0.6, WINDOW) for swaps in range(3))
    weak = tuple(stored_slot_probability(P_GEN, 5, swaps, 0.6, WINDOW) for swaps in range(2))
    found = [_row("without memory: pairs per slot, s 0, 1, 2", WITHOUT_P, p, 1e-10)]
    for (swaps, wanted), slots in WITHOUT.items():
        ours = tuple(slots_without_memory(k, p[swaps], wanted) for k in PAIRS)
        found.append(_row(f"without memory, s {swaps}, p_packet {wanted}", slots, ours))
    found.append(_row("with memory: pairs per slot, s 0, 1, 2", WITH_Q, q, 1e-9))
    for (swaps, wanted), slots in WITH.items():
        ours = tuple(slots_with_memory(k, q[swaps], WINDOW, wanted) for k in PAIRS)
        found.append(_row(f"with memory, s {swaps}, p_packet {wanted}", slots, ours))
    found.append(_row("weak links: pairs per slot, s 0, 1", WEAK_Q, weak, 1e-10))
    for swaps, slots in WEAK.items():
        ours = tuple(slots_with_memory(k, weak[swaps], WINDOW, 0.9) for k in (2, 3, 5))
        found.append(_row(f"weak links, s {swaps}, p_packet 0.9, k 2, 3, 5", slots, ours))
    for (k, each, window, n), probability in SCAN.items():
        what = f"{k} successes of {each} within {window} of {n} trials"
        found.append(_row(what, probability, scan_probability(k, each, window, n), 5e-5))
    return found


def _row(
    what: str, published: float | tuple[float, ...], ours: float | tuple[float, ...], tolerance: float = 0.0
) -> Row:
    return Row(what=what, published=published, ours=ours, tolerance=tolerance, derived=True)
