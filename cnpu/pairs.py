"""What an entanglement request tells about each pair: futures into its results array."""

from __future__ import annotations

from cnpu.futures import Array, ArrayFuture
from netqasm_isa.epr import RESULT_LENGTH, KeepIndex, MeasureIndex


class KeepInfo:
    """What is known about one kept pair; each property is a future."""

    __slots__ = ("_base", "_results")

    def __init__(self, results: Array, pair: int) -> None:
        self._results = results
        self._base = RESULT_LENGTH * pair

    @property
    def generation_duration_us(self) -> ArrayFuture:
        """From the request to the pair, in us, rounded down."""
        return self._results[self._base + KeepIndex.GOODNESS]

    @property
    def bell_state(self) -> ArrayFuture:
        """The Bell state delivered, 0 for (|00> + |11>)/sqrt(2)."""
        return self._results[self._base + KeepIndex.BELL_STATE]

    @property
    def sequence_number(self) -> ArrayFuture:
        """The number of the pair, the same at both ends."""
        return self._results[self._base + KeepIndex.SEQUENCE_NUMBER]

    @property
    def remote_node_id(self) -> ArrayFuture:
        """The position of the peer's node in the network file."""
        return self._results[self._base + KeepIndex.REMOTE_NODE_ID]


class EprMeasureResult:
    """One pair of which this end was measured; each property is a future."""

    __slots__ = ("_base", "_results")

    def __init__(self, results: Array, pair: int) -> None:
        self._results = results
        self._base = RESULT_LENGTH * pair

    @property
    def measurement_outcome(self) -> ArrayFuture:
        """0 for the eigenvalue +1, 1 for -1."""
        return self._results[self._base + MeasureIndex.MEASUREMENT_OUTCOME]

    @property
    def measurement_basis(self) -> ArrayFuture:
        """The basis drawn for this pair (`cnpu.Basis`); 0 if none was drawn."""
        return self._results[self._base + MeasureIndex.MEASUREMENT_BASIS]

    @property
    def generation_duration_us(self) -> ArrayFuture:
        """From the request to the pair, in us, rounded down."""
        return self._results[self._base + MeasureIndex.GOODNESS]

    @property
    def generation_duration(self) -> ArrayFuture:
        """The same as `generation_duration_us`, under its name in the NetQASM SDK."""
        return self.generation_duration_us

    @property
    def bell_state(self) -> ArrayFuture:
        """The Bell state that the outcomes are those of, 0 for (|00> + |11>)/sqrt(2)."""
        return self._results[self._base + MeasureIndex.BELL_STATE]

    @property
    def sequence_number(self) -> ArrayFuture:
        """The number of the pair, the same at both ends."""
        return self._results[self._base + MeasureIndex.SEQUENCE_NUMBER]

    @property
    def remote_node_id(self) -> ArrayFuture:
        """The position of the peer's node in the network file."""
        return self._results[self._base + MeasureIndex.REMOTE_NODE_ID]
