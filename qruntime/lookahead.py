"""Which actors can reach which, and how soon: what lets the authority activate several at once.

An actor B may be activated at t_b while A is still busy at t_a iff t_b < t_a + D(A, B): then nothing that A
does can reach B in time. D is the shortest path of declared least latencies. The world is special: it
passes nothing on by itself but heralds, so no path leads through it, and the least time from one node to
another by way of it is that of one attempt on their link.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

NEVER = 1 << 62


def distances(
    actors: Sequence[str],
    channels: Mapping[tuple[str, str], int],
    worlds: Collection[str],
    heralds: Mapping[tuple[str, str], int],
) -> dict[tuple[str, str], int]:
    """D for every ordered pair of actors, in ns; 0 from an actor to itself, NEVER where there is no path.

    `heralds` has, for the two QNPUs of each link, the least time from a command of one to a herald at the
    other.
    """
    d = {(a, b): 0 if a == b else NEVER for a in actors for b in actors}
    for edge, ns in (*channels.items(), *heralds.items()):
        d[edge] = min(d[edge], ns)
    for via in actors:
        if via in worlds:
            continue
        for a in actors:
            first = d[a, via]
            if first >= NEVER:
                continue
            for b in actors:
                through = first + d[via, b]
                if through < d[a, b]:
                    d[a, b] = through
    return d
