"""Classical sockets between programs."""

from __future__ import annotations

from typing import Any

import pytest

import cnpu.runtime
import cnpu.sockets
from cnpu import Node
from qruntime.actors import Arrival, Emit
from qruntime.errors import LimitError, PeerFailed, ProgramError, ProgramTimeout
from qruntime.limits import SENDS_PER_RESUME
from qruntime.messages import ClassicalMessage, ProgramEnded
from tests.unit.cnpu.fake import Bench, run


async def idle(node: Node) -> None:
    """A peer that does nothing."""


def test_values_arrive_in_order_and_equal() -> None:
    values = [1, -(2**63), 0.5, "text", b"bytes", None, True, [1, [2]], (1, (2,)), {"a": [1], 2: {}}]

    async def alice(node: Node) -> None:
        for value in values:
            node.socket("bob").send(value)

    async def bob(node: Node) -> dict[str, Any]:
        return {"got": [await node.socket("alice").recv() for _ in values]}

    assert run(alice=alice, bob=bob)["bob"].value == {"got": values}


def test_a_value_is_copied_when_it_is_sent() -> None:
    async def alice(node: Node) -> None:
        value = [1]
        node.socket("bob").send(value)
        value.append(2)

    async def bob(node: Node) -> dict[str, Any]:
        return {"got": await node.socket("alice").recv()}

    assert run(alice=alice, bob=bob)["bob"].value == {"got": [1]}


def test_what_cannot_travel_is_refused_at_the_send() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send({"x": [object()]})

    error = run(alice=alice, bob=idle)["alice"].error
    assert isinstance(error, ProgramError)
    assert "the value sent['x'][0] has type builtins.object, which cannot travel" in error.message
    assert error.data["file"] == "test_sockets.py"


def test_message_takes_the_latency_between_the_nodes() -> None:
    async def alice(node: Node) -> None:
        await node.sleep_ns(7)
        node.socket("bob").send(0)

    async def bob(node: Node) -> dict[str, Any]:
        await node.socket("alice").recv()
        return {"t": node.now_ns}

    assert run(Bench(cnpu_ns=100), alice=alice, bob=bob)["bob"].value == {"t": 107}


def test_messages_of_different_peers_and_sessions_do_not_mix() -> None:
    def sender(number: int) -> Any:
        async def send(node: Node) -> None:
            node.socket("bob").send(number)

        return send

    async def bob(node: Node) -> dict[str, Any]:
        charlie = await node.socket("charlie").recv()
        return {"alice": await node.socket("alice").recv(), "charlie": charlie}

    bench = Bench()
    for session in (0, 1):
        bench.launch(session=session, alice=sender(10 * session), bob=bob, charlie=sender(10 * session + 1))
    ended = bench.run()
    assert ended[0, "bob"].value == {"alice": 0, "charlie": 1}
    assert ended[1, "bob"].value == {"alice": 10, "charlie": 11}


def test_message_for_a_program_that_has_not_started_waits_for_it() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send("early")

    async def bob(node: Node) -> dict[str, Any]:
        return {"got": await node.socket("alice").recv(), "t": node.now_ns}

    bench = Bench()
    bench.launch(alice=alice, bob=bob)
    bench.cnpus["bob"].launches[0].start_ns = 5000
    ended = bench.run()
    assert ended[0, "bob"].value == {"got": "early", "t": 5000}
    assert ended[0, "bob"].started_ns == 5000


def test_message_for_a_program_that_is_over_is_dropped() -> None:
    async def alice(node: Node) -> None:
        await node.sleep_ns(1000)
        node.socket("bob").send("late")

    ended = run(alice=alice, bob=idle)
    assert ended["alice"].error is None and ended["bob"].ended_ns == 0


def test_message_of_an_unknown_session_hurts_nobody() -> None:
    bench = Bench()
    cnpu = bench.cnpus["alice"]
    cnpu.reset(0)
    for message in (ClassicalMessage(99, "x", "y", 1), ProgramEnded(99, "x", "y", "")):
        assert list(cnpu.handle(Arrival("bob/cnpu", message), 5)) == []
    assert cnpu.waits() == []


def test_roles_on_one_node_talk_without_delay() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        node.socket("bob").send("ping")
        return {"got": await node.socket("bob").recv(), "t": node.now_ns}

    async def bob(node: Node) -> dict[str, Any]:
        got = await node.socket("alice").recv()
        await node.sleep_ns(30)
        node.socket("alice").send(got + "pong")
        return {"node": node.name}

    bench = Bench()
    bench.launch(place={"bob": "alice"}, alice=alice, bob=bob)
    ended = bench.run()
    assert ended[0, "alice"].value == {"got": "pingpong", "t": 30}
    assert ended[0, "bob"].value == {"node": "alice"}


def test_receive_gives_up_at_its_time_limit() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        try:
            await node.socket("bob").recv(timeout_ns=50)
        except ProgramTimeout as error:
            return {"t": node.now_ns, "message": error.message}
        return {}

    ended = run(alice=alice, bob=idle)
    assert ended["alice"].value == {"t": 50, "message": "no message from bob until 50 ns"}


def test_message_at_the_limit_or_before_beats_the_time_limit() -> None:
    async def alice(node: Node) -> dict[str, Any]:
        socket = node.socket("bob")
        first = await socket.recv(timeout_ns=150)
        await node.sleep_ns(1000)
        return {"first": first, "t": node.now_ns, "second": await socket.recv(timeout_ns=0)}

    async def bob(node: Node) -> None:
        node.socket("alice").send(1)
        node.socket("alice").send(2)

    assert run(alice=alice, bob=bob)["alice"].value == {"first": 1, "t": 1100, "second": 2}


def test_unknown_peer_is_refused_with_the_peers_there_are() -> None:
    async def alice(node: Node) -> None:
        node.socket("eve")

    error = run(alice=alice, bob=idle, charlie=idle)["alice"].error
    assert error is not None and error.message == "no peer 'eve' of alice; peers are: bob, charlie"


def test_peer_without_a_channel_is_refused() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send(1)

    bench = Bench()
    bench.launch(alice=alice, bob=idle)
    bench.cnpus["alice"]._latencies = {}
    error = bench.run()[0, "alice"].error
    assert error is not None and error.message == "no classical channel from alice to bob, where bob runs"


def test_peer_failure_is_raised_after_what_it_sent_was_read() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send("last words")
        raise ValueError("broken")

    async def bob(node: Node) -> dict[str, Any]:
        socket = node.socket("alice")
        got = await socket.recv()
        errors = []
        for _ in range(2):
            try:
                await socket.recv()
            except PeerFailed as error:
                errors.append((error.message, error.data["peer"]))
        return {"got": got, "errors": errors}

    ended = run(alice=alice, bob=bob)
    (first, second) = ended["bob"].value["errors"]
    assert ended["bob"].value["got"] == "last words"
    assert first == second and first[1] == "alice"
    assert first[0].startswith("the program of alice failed: ValueError: broken (test_sockets.py line ")


def test_peer_failure_wakes_whoever_waits() -> None:
    async def alice(node: Node) -> None:
        await node.sleep_ns(10)
        raise ValueError("broken")

    async def bob(node: Node) -> None:
        await node.socket("alice").recv(timeout_ns=10**9)

    ended = run(Bench(cnpu_ns=100), alice=alice, bob=bob)
    assert isinstance(ended["bob"].error, PeerFailed)
    assert ended["bob"].ended_ns == 110


def test_failure_reaches_a_program_that_starts_later_and_one_on_the_same_node() -> None:
    async def alice(node: Node) -> None:
        raise ValueError("broken")

    async def bob(node: Node) -> None:
        await node.socket("alice").recv()

    for place in ({}, {"bob": "alice"}):
        bench = Bench()
        bench.launch(place=place, alice=alice, bob=bob)
        bench.cnpus[place.get("bob", "bob")].launches[-1].start_ns = 700
        assert isinstance(bench.run()[0, "bob"].error, PeerFailed)


def test_backlog_beyond_the_limit_is_an_error_at_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.sockets, "SOCKET_BACKLOG", 3)

    async def alice(node: Node) -> None:
        for i in range(6):
            node.socket("bob").send(i)

    async def bob(node: Node) -> dict[str, Any]:
        await node.sleep_ns(1000)
        socket = node.socket("alice")
        got = [await socket.recv() for _ in range(3)]
        try:
            await socket.recv()
        except LimitError as error:
            return {"got": got, "message": error.message}
        return {}

    bench = Bench(tracing=True)
    ended = run(bench, alice=alice, bob=bob)
    assert ended["alice"].error is None
    assert ended["bob"].value["got"] == [0, 1, 2]
    assert "more than 3 unread messages from alice" in ended["bob"].value["message"]
    dropped = [emit.data for _, emit in bench.records if emit.event == "CLAS_MSG_LIMIT"]
    assert dropped == [("bob", "alice")]


def test_messages_sent_in_one_go_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tasks of one program count together; once it waited, even for no time, it may send again."""
    monkeypatch.setattr(cnpu.sockets, "SENDS_PER_RESUME", 3)

    async def sends(node: Node, number: int) -> None:
        for i in range(number):
            node.socket("bob").send(i)

    async def alice(node: Node) -> dict[str, Any]:
        await sends(node, 3)
        await node.sleep_ns(0)
        await node.gather(sends(node, 1), sends(node, 2))
        errors = []
        for _ in range(2):
            try:
                node.socket("bob").send("one too many")
            except LimitError as error:
                errors.append((error.message, error.data["file"]))
        await node.sleep_ns(1)
        await sends(node, 4)  # TOO MANY
        return {"errors": errors}

    async def bob(node: Node) -> dict[str, Any]:
        got = []
        while len(got) < 9:
            got.append(await node.socket("alice").recv())
        return {"got": got}

    ended = run(alice=alice, bob=bob)
    error = ended["alice"].error
    assert isinstance(error, LimitError)
    assert error.message.startswith("more than 3 messages sent in one go (test_sockets.py line ")
    assert ended["bob"].value == {"got": [0, 1, 2, 0, 0, 1, 0, 1, 2]}


def test_error_of_too_many_messages_names_the_line_that_sends() -> None:
    async def alice(node: Node) -> None:
        for i in range(100_000):
            node.socket("bob").send(i)  # FLOODS

    bench = Bench()
    ended = run(bench, alice=alice, bob=idle)
    with open(__file__) as file:
        line = next(i for i, text in enumerate(file, 1) if text.rstrip().endswith("  # FLOODS"))
    error = ended["alice"].error
    assert isinstance(error, LimitError)
    assert error.message.startswith(
        f"more than {SENDS_PER_RESUME} messages sent in one go (test_sockets.py line {line}); "
    )
    assert (error.data["file"], error.data["line"]) == ("test_sockets.py", line)
    assert SENDS_PER_RESUME <= bench.kernel.events < 2 * SENDS_PER_RESUME


def test_mailboxes_of_sessions_that_are_over_are_gone() -> None:
    async def alice(node: Node) -> None:
        node.socket("bob").send(1)
        node.socket("bob").send(2)

    async def bob(node: Node) -> None:
        await node.socket("alice").recv()

    bench = Bench()
    for session in range(5):
        bench.launch(session=session, start_ns=1000 * session, alice=alice, bob=bob)
    bench.launch(session=5, alice=alice)
    bench.cnpus["alice"].launches[-1].placement["eve"] = "delft"  # never begins
    bench.cnpus["alice"].mailbox(5, "alice", "eve")
    bench.run()
    assert [len(each._mailboxes) for each in bench.cnpus.values()] == [0, 0, 0]


def test_mailboxes_for_programs_that_never_begin_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.runtime, "MAILBOXES", 4)
    alice = Bench().cnpus["alice"]
    alice.reset(0)
    alice.tracing = True
    refused = []
    for session in range(10):
        for message in (ClassicalMessage(session, "x", "y", 1), ProgramEnded(session, "x", "y", "")):
            effects = alice.handle(Arrival("bob/cnpu", message), 5)
            refused += [effect.event for effect in effects if isinstance(effect, Emit)]
    assert len(alice._mailboxes) == 4
    assert refused == ["CLAS_MSG_LIMIT"] * 12


def test_routes_of_a_network_that_stays_up_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cnpu.runtime, "ROUTES_KEPT", 4)

    async def bob(node: Node) -> dict[str, Any]:
        return {"got": await node.socket("alice").recv(), "t": node.now_ns}

    async def alice(node: Node) -> None:
        await node.sleep_ns(500)
        node.socket("bob").send(node.role)

    bench = Bench()
    for session in range(10):
        bench.launch(session=session, start_ns=10 * session, alice=alice, bob=bob)
    ended = bench.run()
    assert [ended[session, "bob"].value["t"] for session in range(10)] == [600 + 10 * s for s in range(10)]
    assert all(len(bench.cnpus[node]._routes) <= 4 for node in ("alice", "bob"))


def test_routes_are_worked_out_once_for_all_shots() -> None:
    bench = Bench()
    bench.launch(alice=idle, bob=idle)
    bench.run()
    routes = bench.cnpus["alice"]._routes[0, "alice"]
    bench.run(1)
    assert bench.cnpus["alice"]._routes[0, "alice"] is routes
