"""Quantum key distribution with entangled pairs, measured in random bases: `QKDRoutine`."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

from netqasm.sdk.classical_communication.message import StructuredMessage

from qnos.compat.program import ProgramContext
from qruntime.errors import ConfigError

Wait = Generator[Any, None, Any]


class QKDRoutine:
    """BBM92: both ends measure halves of pairs in Z or X at random, and keep what they measured alike."""

    @classmethod
    def run(
        cls,
        context: ProgramContext,
        peer_name: str,
        is_init: bool,
        num_epr: int,
        num_test_bits: int | None = None,
    ) -> Wait:
        """Distribute a key with a peer that runs the same, one of them with `is_init`.

        Gives the raw key, a bitarray, and the share of test bits that differ. A quarter of the pairs are for
        tests if `num_test_bits` does not say how many. Random choices are those of Python's `random`.
        """
        try:
            from bitarray import bitarray
        except ImportError:
            raise ConfigError("QKDRoutine gives its key as a bitarray: pip install bitarray") from None
        if num_test_bits is None:
            num_test_bits = max(num_epr // 4, 0)
        bits, bases = [], []
        for _ in range(num_epr):
            basis = random.randint(0, 1)
            bits.append((yield from cls._measured(context, peer_name, is_init, basis)))
            bases.append(basis)
        socket = context.csockets[peer_name]
        theirs = yield from cls._exchanged(socket, is_init, "Bases", bases)
        alike = [index for index in range(num_epr) if bases[index] == theirs[index]]
        if is_init:
            tested = sorted(random.sample(alike, min(num_test_bits, len(alike))))
            socket.send_structured(StructuredMessage("Test indices", tested))
        else:
            tested = (yield from socket.recv_structured()).payload
        outcomes = [bits[index] for index in tested]
        of_peer = yield from cls._exchanged(socket, not is_init, "Test outcomes", outcomes)
        errors = sum(a != b for a, b in zip(outcomes, of_peer, strict=True))
        key = bitarray([bits[index] for index in alike if index not in tested])
        return key, errors / num_test_bits

    @staticmethod
    def _measured(context: ProgramContext, peer_name: str, is_init: bool, basis: int) -> Wait:
        socket = context.epr_sockets[peer_name]
        (q,) = socket.create_keep() if is_init else socket.recv_keep()
        if basis:
            q.H()
        outcome = q.measure()
        yield from context.connection.flush()
        return int(outcome)

    @staticmethod
    def _exchanged(socket: Any, is_first: bool, header: str, payload: Any) -> Wait:
        """Send ours and take theirs; who is first sends first."""
        if is_first:
            socket.send_structured(StructuredMessage(header, payload))
        theirs = (yield from socket.recv_structured()).payload
        if not is_first:
            socket.send_structured(StructuredMessage(header, payload))
        return theirs
