"""A trace of any length comes through, though no message is longer than the limit."""

from __future__ import annotations

import pytest

from cnpu.app import load_app
from qnos.loading import load_network
from qnos.processes import ProcessNetwork
from qnos.simulate import simulate
from qruntime.actors import Message
from qruntime.control import encode_control
from qruntime.limits import RECORDS_PER_MESSAGE
from qruntime.orders import EndedRow, ShotDone, ShotTrace
from qruntime.shots import Shots
from qruntime.trace import Record

ENDED = (EndedRow(0, "alice", 0, {"m": 1}, None, "", 0, 9),)


class Replies:
    """A host of which only the replies matter."""

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def reply(self, address: str, message: Message) -> None:
        self.sent.append(message)


@pytest.mark.parametrize(
    "count", [0, 1, RECORDS_PER_MESSAGE, RECORDS_PER_MESSAGE + 1, 2 * RECORDS_PER_MESSAGE + 5]
)
def test_parts_of_a_long_trace_are_the_whole_of_it_in_order_and_each_is_a_message(count: int) -> None:
    longest = "x" * 200  # what texts in a trace are cut to
    records = tuple(Record(i, "alice", "link:bob", "LINK_LAYER_ERROR", 0, (i, longest)) for i in range(count))
    host = Replies()
    Shots(host)._hand_over("client", ShotDone(3, ENDED, records))  # type: ignore[arg-type]
    *early, done = host.sent
    assert isinstance(done, ShotDone)
    assert (done.shot, done.ended) == (3, ENDED)
    found: tuple[Record, ...] = ()
    for part in [*early, done]:
        assert isinstance(part, ShotTrace | ShotDone)
        assert part.shot == 3
        assert len(part.records) <= RECORDS_PER_MESSAGE
        encode_control(part)
        found += part.records
    assert found == records
    assert all(isinstance(part, ShotTrace) for part in early)
    assert len(early) == max(0, count - 1) // RECORDS_PER_MESSAGE


@pytest.mark.slow
def test_shot_with_a_trace_longer_than_one_message_leaves_the_trace_of_one_process() -> None:
    app, network = load_app("e91"), load_network("two_generic")
    inputs = {"alice": {"rounds": 600}}
    alone = simulate(app, network, shots=1, seed=3, inputs=inputs, trace=True)
    with ProcessNetwork(network) as processes:
        many = simulate(app, network, shots=1, seed=3, inputs=inputs, trace=True, processes=processes)
    assert many.trace_sha256 == alone.trace_sha256
    assert many.results == alone.results
