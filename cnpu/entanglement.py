"""EPR sockets: asking the QNPU for entanglement with a peer.

`node.epr(peer)` gives an `EprSocket`. One side calls `create_...`, the other `recv_...` with the same number
of pairs; both then `await node.flush()`. The creator alone decides bases, time limit and priority. Pairs
arrive as (|00> + |11>)/sqrt(2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnpu.arguments import TOGETHER, Arguments, basis_of, common
from cnpu.checks import integer
from cnpu.futures import Array
from cnpu.pairs import EprMeasureResult, KeepInfo
from cnpu.qubit import Qubit
from netqasm_isa import opcodes as op
from netqasm_isa.epr import ARGS_LENGTH, RESULT_LENGTH, EprType
from netqasm_isa.registers import C0
from qruntime.errors import ProgramError
from qruntime.limits import PAIRS_PER_REQUEST

if TYPE_CHECKING:
    from cnpu.builder import Builder

PostRoutine = Callable[[Any, Qubit, Any], None]


class EprSocket:
    """The way to entanglement with one peer.

    Common arguments of the `create_...` calls: `number` of pairs, 1..65536; `max_time_ns`, after which the
    request fails (0: the QNPU's own limit; rounded up to whole us, above 2147 s to ms, and so on);
    `priority`, higher is sooner if the link's scheduler goes by it; `atomic`, not interleaved with other
    requests; `consecutive`, all pairs in memory together.
    """

    __slots__ = ("_builder", "_min_fidelity", "_node", "_remote_node", "_socket", "peer")

    def __init__(self, node: Any, peer: str, socket: int, remote_node: int, min_fidelity: int) -> None:
        self._node = node
        self._builder: Builder = node.builder
        self._socket = socket
        self._remote_node = remote_node
        self._min_fidelity = min_fidelity
        self.peer = peer

    # --- keep -------------------------------------------------------------------------------------

    def create_keep(
        self,
        number: int = 1,
        sequential: bool = False,
        post_routine: PostRoutine | None = None,
        max_time_ns: int = 0,
        priority: int | None = None,
        atomic: bool = False,
        consecutive: bool = False,
        info: bool = False,
    ) -> list[Qubit]:
        """Make pairs and keep this half of each; the peer calls `recv_keep`.

        Every pair has a qubit of its own. With `sequential` all of them use one, one after the other:
        `post_routine(node, qubit, index)` emits what is to be done with each and must measure or free it. It
        is called once, the code runs for every pair with `index` the counter; then no qubit is returned
        unless `number` is 1. Without `sequential` a post routine is called for each pair in order, which is
        waited for first. With `info` the qubits have `entanglement_info`.
        """
        number = _number(number)
        arguments = self._common(EprType.K, number, max_time_ns, priority, atomic, consecutive)
        return self._keep(number, sequential, post_routine, info, arguments)

    def recv_keep(
        self,
        number: int = 1,
        sequential: bool = False,
        post_routine: PostRoutine | None = None,
        info: bool = False,
    ) -> list[Qubit]:
        """Take part in the peer's `create_keep`; arguments as there."""
        return self._keep(_number(number), sequential, post_routine, info, None)

    # --- measure directly -------------------------------------------------------------------------

    def create_measure(
        self,
        number: int = 1,
        basis_local: str = "Z",
        basis_remote: str = "Z",
        random_basis_local: str | None = None,
        random_basis_remote: str | None = None,
        rotations_local: tuple[int, int, int] | None = None,
        rotations_remote: tuple[int, int, int] | None = None,
        axes_local: str = "XYX",
        axes_remote: str = "XYX",
        probabilities_local: tuple[int, ...] | None = None,
        probabilities_remote: tuple[int, ...] | None = None,
        max_time_ns: int = 0,
        priority: int | None = None,
        atomic: bool = False,
        consecutive: bool = False,
    ) -> list[EprMeasureResult]:
        """Make pairs and measure both halves at once; the peer calls `recv_measure`.

        Each end has a basis (X, Y, Z, or MX, MY, MZ with outcomes exchanged), or three `rotations` (n of
        n*pi/16 about `axes`) before a Z measurement, or a random basis for every pair, drawn from the set XZ,
        XYZ or CHSH. `probabilities` are in 255ths: (p1,) with p1 for the first basis of a set of two, (p1,
        p2) for a set of three; the last basis has the rest, and None means uniform.
        """
        number = _number(number)
        arguments = self._common(EprType.M, number, max_time_ns, priority, atomic, consecutive)
        arguments += basis_of(
            "local", basis_local, random_basis_local, rotations_local, axes_local, probabilities_local
        )
        arguments += basis_of(
            "remote", basis_remote, random_basis_remote, rotations_remote, axes_remote, probabilities_remote
        )
        return self._measure(number, arguments)

    def recv_measure(self, number: int = 1) -> list[EprMeasureResult]:
        """Take part in the peer's `create_measure`; the bases are the peer's choice."""
        return self._measure(_number(number), None)

    # --- remote state preparation -----------------------------------------------------------------

    def create_rsp(
        self,
        number: int = 1,
        basis_local: str = "Z",
        random_basis_local: str | None = None,
        rotations_local: tuple[int, int, int] | None = None,
        axes_local: str = "XYX",
        probabilities_local: tuple[int, ...] | None = None,
        max_time_ns: int = 0,
        priority: int | None = None,
        atomic: bool = False,
        consecutive: bool = False,
    ) -> list[EprMeasureResult]:
        """Make pairs and measure this half at once, which prepares a state at the peer, who calls `recv_rsp`.

        Bases as in `create_measure`.
        """
        number = _number(number)
        arguments = self._common(EprType.R, number, max_time_ns, priority, atomic, consecutive)
        arguments += basis_of(
            "local", basis_local, random_basis_local, rotations_local, axes_local, probabilities_local
        )
        return self._measure(number, arguments)

    def recv_rsp(
        self,
        number: int = 1,
        sequential: bool = False,
        post_routine: PostRoutine | None = None,
        info: bool = False,
    ) -> list[Qubit]:
        """Take part in the peer's `create_rsp`: the qubits that it prepares; arguments as in
        `create_keep`."""
        return self._keep(_number(number), sequential, post_routine, info, None)

    # --- code -------------------------------------------------------------------------------------

    def _common(
        self,
        kind: EprType,
        number: int,
        max_time_ns: int,
        priority: int | None,
        atomic: bool,
        consecutive: bool,
    ) -> Arguments:
        return common(kind, number, self._min_fidelity, max_time_ns, priority, atomic, consecutive)

    def _keep(
        self,
        number: int,
        sequential: bool,
        post_routine: PostRoutine | None,
        info: bool,
        arguments: Arguments | None,
    ) -> list[Qubit]:
        if sequential and post_routine is None and number > 1:
            raise ProgramError(
                f"a sequential request for {number} pairs needs a post_routine: all of them use one qubit"
            )
        if sequential and info and number > 1:
            raise ProgramError("a sequential request for several pairs gives no info: it returns no qubits")
        builder = self._builder
        builder.mark()
        results, address = self._results(number, info)
        ids = [builder.take_id() for _ in range(1 if sequential else number)]
        id_array = builder.take_address()
        builder.array(id_array, number)
        if sequential:
            builder.fill(id_array, number, builder.qubit(ids[0]))
        else:
            for pair, virtual_id in enumerate(ids):
                builder.code.append((op.STORE, builder.qubit(virtual_id), id_array, builder.constant(pair)))
        self._request(arguments, id_array, address)
        if sequential and number > 1:
            assert post_routine is not None
            self._each_in_turn(number, ids[0], address, post_routine)
            return []
        qubits = [
            Qubit.of_pair(builder, virtual_id, KeepInfo(results, pair) if results is not None else None)
            for pair, virtual_id in enumerate(ids)
        ]
        # Pairs of an atomic or consecutive request are lost together: none counts as there before the last.
        together = arguments is not None and any(entry in TOGETHER for entry, _ in arguments)
        if post_routine is None:
            for pair, qubit in enumerate(qubits):
                builder.bound(qubit, ids[pair], number - 1 if together else pair)
            self._wait(address, 0, RESULT_LENGTH * number)
            return qubits
        for pair, qubit in enumerate(qubits):
            builder.bound(qubit, ids[pair], number - 1 if together else pair)
            self._wait(address, RESULT_LENGTH * pair, RESULT_LENGTH * (pair + 1))
            post_routine(self._node, qubit, pair)
        return qubits

    def _each_in_turn(self, number: int, virtual_id: int, address: int, post_routine: PostRoutine) -> None:
        """The loop over the pairs of a sequential request: wait for the pair's slice, then the routine."""
        builder = self._builder
        start, stop = builder.counter(), builder.counter()
        builder.code.append((op.SET, start, 0))
        builder.code.append((op.SET, stop, RESULT_LENGTH))
        builder.release_id(virtual_id)  # every turn binds it anew
        with builder.loop(number) as index:
            builder.take_id()
            qubit = Qubit.of_pair(builder, virtual_id, None)
            builder.bound(qubit, virtual_id, number - 1)
            builder.code.append((op.WAIT_ALL, address, start, stop))
            post_routine(self._node, qubit, index)
            if qubit.active:
                raise ProgramError(
                    "the post_routine of a sequential request must measure or free the qubit: "
                    "the next pair needs it"
                )
            step = builder.constant(RESULT_LENGTH)
            builder.code.append((op.ADD, start, start, step))
            builder.code.append((op.ADD, stop, stop, step))
        builder.release_counters(2)

    def _measure(self, number: int, arguments: Arguments | None) -> list[EprMeasureResult]:
        self._builder.mark()
        results, address = self._results(number, True)
        assert results is not None
        self._request(arguments, None, address)
        self._wait(address, 0, RESULT_LENGTH * number)
        return [EprMeasureResult(results, pair) for pair in range(number)]

    def _results(self, number: int, handed_over: bool) -> tuple[Array | None, int]:
        """The array the request fills, and its address; an `Array` only if the program may read it."""
        builder = self._builder
        if handed_over:
            results = builder.results_array(RESULT_LENGTH * number)
            return results, results.address
        address = builder.take_address()
        builder.array(address, RESULT_LENGTH * number)
        return None, address

    def _request(self, arguments: Arguments | None, id_array: int | None, address: int) -> None:
        """Emit the request; without `arguments` it is the peer's, without `id_array` no qubit is bound
        here."""
        builder = self._builder
        code, constant = builder.code, builder.constant
        if arguments is None:
            code.append(
                (
                    op.RECV_EPR,
                    constant(self._remote_node),
                    constant(self._socket),
                    C0 if id_array is None else constant(id_array),  # nothing reads C0
                    constant(address),
                )
            )
            return
        array = builder.take_address()
        builder.array(array, ARGS_LENGTH)
        for index, value in arguments:
            code.append((op.STORE, constant(value), array, constant(index)))
        code.append(
            (
                op.CREATE_EPR,
                constant(self._remote_node),
                constant(self._socket),
                C0 if id_array is None else constant(id_array),
                constant(array),
                constant(address),
            )
        )

    def _wait(self, address: int, start: int, stop: int) -> None:
        builder = self._builder
        builder.code.append((op.WAIT_ALL, address, builder.constant(start), builder.constant(stop)))


def _number(number: Any) -> int:
    return integer(number, "number", 1, PAIRS_PER_REQUEST)
