"""The charge-resonance check: in which shots the colour centres of a run were in the right charge state.

An experiment finds out after each shot and keeps those in which every centre passed. No program is told. The
state is drawn from a random stream of its own, keyed by seed, node and shot, so `CrCheck` draws what the
device drew, wherever the shot ran and whichever others ran before it. A device takes part if its parameters
have an `ionised_probability` above 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from qnos.config import NetworkConfig
from qruntime.rng import Stream, Streams
from qworld.nv import is_ionised


class CrCheck:
    """`passed(shot)` for those of `nodes` whose device may be ionised."""

    def __init__(self, network: NetworkConfig, seed: int, nodes: Iterable[str]) -> None:
        self._streams = Streams(seed)
        self._probabilities: dict[str, float] = {}
        wanted = set(nodes)
        for node in network.nodes:
            probability = getattr(node.device.parameters, "ionised_probability", 0.0)
            if node.name in wanted and probability > 0:
                self._probabilities[node.name] = probability

    def passed(self, shot: int) -> dict[str, bool]:
        """Node -> whether its centre was in the right charge state."""
        return {
            node: not is_ionised(probability, partial(self._stream, node, shot))
            for node, probability in self._probabilities.items()
        }

    def _stream(self, node: str, shot: int, purpose: str) -> Stream:
        return self._streams.stream(f"{purpose}/{node}", shot)
