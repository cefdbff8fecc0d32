"""The other nodes as this QNPU knows them: their names, and the way to those that a link leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qruntime.rng import Stream, Streams


class Neighbours:
    """Who they are and how to reach them.

    `names` are of all nodes by id, `latencies_ns` of messages to the linked ones, one way, and `losses` the
    probability that one of them gets lost, where it may.
    """

    def __init__(
        self,
        node_id: int,
        names: Sequence[str],
        latencies_ns: Mapping[int, int],
        losses: Mapping[int, float],
        streams: Streams,
    ) -> None:
        self._own_name = names[node_id]
        self._names = list(names)
        self._latencies_ns = dict(latencies_ns)
        self._losses = {peer: loss for peer, loss in losses.items() if loss}
        self._streams = streams
        self._draws: dict[int, Stream] = {}
        self._shot = 0
        self.actors = {peer: f"{names[peer]}/qnpu" for peer in latencies_ns}
        self.ids = {actor: peer for peer, actor in self.actors.items()}

    def reset(self, shot: int) -> None:
        """Draws of a new shot."""
        self._shot = shot
        self._draws.clear()

    @property
    def nodes(self) -> int:
        """Number of nodes of the network."""
        return len(self._names)

    def is_node(self, node: int) -> bool:
        """Whether there is a node of that id."""
        return 0 <= node < len(self._names)

    def name(self, node: int) -> str:
        """Name of a node id, whatever it is."""
        return self._names[node] if self.is_node(node) else f"node {node}"

    def latency_ns(self, peer: int) -> int:
        """One-way time of a message to the QNPU of a linked node."""
        return self._latencies_ns[peer]

    def is_lossy(self, peer: int) -> bool:
        """Whether messages to or from the QNPU of a linked node may get lost."""
        return peer in self._losses

    def loses(self, peer: int) -> bool:
        """Whether the next message to that node gets lost: a draw for every message of that direction, if
        any may."""
        loss = self._losses.get(peer)
        if loss is None:
            return False
        draws = self._draws.get(peer)
        if draws is None:
            name = f"loss/{self._own_name}>{self.name(peer)}"
            draws = self._draws[peer] = self._streams.stream(name, self._shot)
        return draws.uniform() < loss
