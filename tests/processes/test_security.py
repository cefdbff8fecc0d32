"""Who gets in, and what becomes of what is no message: strangers stay outside, garbage is refused and
counted, and the network goes on to the right trace."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
import trio
import zmq

import qnos
from qnos import live
from qnos.hosts import StandingNetwork
from qnos.loading import load_network
from qnos.processes import ProcessNetwork
from qnos.runtime_dir import RuntimeDir
from qruntime.authority import Remote
from qruntime.client import Client
from qruntime.control import Grant, Hello, Leave, Report, encode_control
from qruntime.errors import ConfigError
from qruntime.intake import Refusals, at_actor, at_world
from qruntime.keys import Guard, KeyPair, Keyring, generate, new_pair, read_secret
from qruntime.limits import CONTROL_BYTES, MESSAGE_BYTES
from qruntime.messages import Done
from qruntime.orders import AskNetwork, Load, NetworkState, Run
from qruntime.sockets import Sockets
from qruntime.wire import VERSION, encode
from tests.processes.by_hand import (
    ByHand,
    environment,
    free_ports,
    make_keys,
    started,
    until,
    write_network,
)

ACTORS = ("alice/cnpu", "alice/qnpu", "bob/cnpu", "bob/qnpu")
RUN = {"app": "teleport", "shots": 3, "seed": 23, "trace": True}


def digest(network: object) -> str | None:
    """Digest of a run on a network of processes; None runs it in one process."""
    found = qnos.run(network="two_generic", processes=network or False, **RUN)  # type: ignore[arg-type]
    return found.trace_sha256


# ------------------------------------------------------------------------------------------ what is garbage


def run_with(**changes: object) -> bytes:
    load = Load("teleport", "", 0, 0, (), {}, {})
    fields: dict[str, object] = {
        "reply_to": "tcp://127.0.0.1:1", "load": load, "first_shot": 0, "shots": 1, "in_flight": 1,
        "tracing": False,
    }  # fmt: skip
    return encode_control(Run(**(fields | changes)))  # type: ignore[arg-type]


def garbage() -> dict[str, list[bytes]]:
    """Frames that no process may take in, by what is wrong with them."""
    token = msgspec.msgpack.encode((0, "bob/qnpu", 3))
    body = encode(Done(0, 0, (), ()))
    wrong_version = bytes([VERSION + 1]) + encode_control(Leave())[1:]
    return {
        "no bytes at all": [b"", b""],
        "no MessagePack": [b"\x01\xc1"],
        "text": [b"GET / HTTP/1.1\r\n\r\n"],
        "unknown version": [wrong_version],
        "unknown tag": [bytes([VERSION]) + msgspec.msgpack.encode([255, 1, 2])],
        "a missing field": [bytes([VERSION]) + msgspec.msgpack.encode([63, 1])],
        "a field of the wrong type": [bytes([VERSION]) + msgspec.msgpack.encode([64, "zero"])],
        "too long a control message": [bytes([VERSION]) + bytes(CONTROL_BYTES)],
        "too long a message": [b"", token, bytes([VERSION]) + bytes(MESSAGE_BYTES)],
        "a token that is none": [b"", b"\xff", body],
        "a token without its message": [b"", token],
        "a message of unknown tag": [b"", token, bytes([VERSION]) + msgspec.msgpack.encode([200])],
        "a grant for the wrong process, or in no universe": [encode_control(Grant(99, 0, 0, 1, "x", 0))],
        "a report of nobody": [encode_control(Report(0, "carol/cnpu", ()))],
    }


def for_the_world() -> dict[str, list[bytes]]:
    """What only the world looks at closely."""
    return {
        "a greeting of nobody": [encode_control(Hello("carol/cnpu", "tcp://127.0.0.1:9", VERSION, 1))],
        "a run without shots in flight": [run_with(in_flight=0)],
        "a run of a negative number of shots": [run_with(shots=-1)],
        "an answer to nowhere": [run_with(reply_to="alice/cnpu")],
        "an answer to another machine": [run_with(reply_to="tcp://198.51.100.7:9", shots=0)],
    }


def push(address: str, messages: list[list[bytes]]) -> None:
    """Send to a process as a stranger would, and wait until all has left."""
    context = zmq.Context()
    raw = context.socket(zmq.PUSH)
    raw.connect(address)
    for frames in messages:
        raw.send_multipart(frames)
    raw.close(5000)
    context.term()


def refused(processes: ProcessNetwork | StandingNetwork) -> int:
    """How much the world has refused so far."""
    client = processes._client
    answer = client.ask(AskNetwork(client.address), 10)
    assert isinstance(answer, NetworkState)
    return answer.refused


@pytest.fixture(scope="module")
def running() -> Iterator[ProcessNetwork]:
    """Two nodes and the world, in processes."""
    with ProcessNetwork(load_network("two_generic")) as processes:
        yield processes


def test_garbage_is_refused_and_counted_and_the_next_run_is_right(running: ProcessNetwork) -> None:
    expected = digest(None)
    assert digest(running) == expected
    runtime = running.runtime
    for actor in ACTORS:
        push(runtime.address(actor), list(garbage().values()))
    before = refused(running)
    everything = garbage() | for_the_world()
    push(runtime.address("world"), list(everything.values()))
    assert until(lambda: refused(running) >= before + len(everything))
    assert refused(running) == before + len(everything)
    assert digest(running) == expected
    for name in ("world", *ACTORS):
        said = partial(runtime.log(name).read_text)
        count = len(everything) if name == "world" else len(garbage())
        assert until(lambda said=said, count=count: said().count("refused what came in") == count), said()
        assert "Traceback" not in said()


def test_much_too_long_message_only_ends_its_own_connection(running: ProcessNetwork) -> None:
    context = zmq.Context()
    raw = context.socket(zmq.PUSH)
    events = raw.get_monitor_socket(zmq.Event.DISCONNECTED)
    raw.connect(running.runtime.address("alice/qnpu"))
    raw.send(bytes(CONTROL_BYTES + 2 * MESSAGE_BYTES))
    assert events.poll(5000), "the connection goes on"
    context.destroy(0)
    assert digest(running) == digest(None)


def test_messages_for_grants_that_never_come_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    from qruntime import shell

    monkeypatch.setattr(shell, "BODIES_WAITING", 5)
    with Sockets() as sockets:
        authority = sockets.connect(zmq.PUSH, "ipc:///nowhere/world")
        hosted = shell.Hosted("alice/qnpu", lambda: Remote("alice/qnpu"), lambda load: None)
        target = shell.Shell(hosted, sockets, authority)
        for n in range(8):
            token = msgspec.msgpack.encode((0, "bob/qnpu", n))
            target.take([b"", token, encode(Done(0, 0, (), ()))])
        assert target.refusals.count == 3


def test_report_without_a_grant_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tmp_path / "patient.py"
    app.write_text(
        '"""Waits for a long time."""\n'
        "async def alice(node):\n    await node.sleep_ns(10**15)\n    return {}\n"
        'ROLES = {"alice": alice}\n'
    )
    monkeypatch.setenv("XDG_RUNTIME_DIR", environment(tmp_path)["XDG_RUNTIME_DIR"])
    live.up(load_network("two_generic"), "net", pace=1.0)
    try:
        with live.Connection("net") as connection:
            number = connection.submit(str(app)).session
            crash = Report(0, "bob/cnpu", (), crash="not ours")
            forged = [[encode_control(report)] for report in (Report(0, "alice/qnpu", ()), crash)]
            push(connection.runtime.address("world"), forged)
            assert until(lambda: connection.state().refused == len(forged))
            assert connection.session(number).state == "running"
    finally:
        live.down("net")


def test_refusals_fill_no_log(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("world")
    for _ in range(1000):
        refusals.note("x" * 10_000)
    assert refusals.count == 1000
    assert len(caplog.records) == 100
    assert "no more of them are logged" in caplog.records[-1].getMessage()
    assert all(len(record.getMessage()) < 500 for record in caplog.records)


# ----------------------------------------------------------------------------------------------------- keys


class Party:
    """The world, two nodes and an operator with their keys, and a stranger."""

    def __init__(self) -> None:
        self.pairs = {name: generate() for name in ("world", "alice", "bob", "olga", "stranger")}
        self.public = {name: pair.public for name, pair in self.pairs.items() if name != "stranger"}

    def guard(self, name: str, callers: tuple[str, ...] = (), pair: KeyPair | None = None) -> Guard:
        return Guard(Keyring(name, pair or self.pairs[name], self.public, callers))


@pytest.fixture
def sockets() -> Iterator[Callable[[Guard], Sockets]]:
    """Makes sockets, and closes them."""
    made: list[Sockets] = []

    def make(guard: Guard) -> Sockets:
        made.append(Sockets(guard))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_known_key_gets_in_and_says_who_sent_a_message(sockets: Callable[[Guard], Sockets]) -> None:
    party = Party()
    inbox = sockets(party.guard("world", ("alice", "olga"))).bind(zmq.PULL, "tcp://127.0.0.1:*")
    assert inbox.address.startswith("world@tcp://")
    for name in ("alice", "olga"):
        out = sockets(party.guard(name)).connect(zmq.PUSH, inbox.address, watched=True)
        assert out.meeting is not None and out.meeting.wait(5) == ""
        out.send([name.encode()])

    async def two() -> set[tuple[bytes, str]]:
        return {((await inbox.receive())[0], inbox.sender) for _ in range(2)}

    assert trio.run(two) == {(b"alice", "alice"), (b"olga", "olga")}


def test_wrong_or_missing_key_gets_nowhere_and_is_logged(
    sockets: Callable[[Guard], Sockets], caplog: pytest.LogCaptureFixture
) -> None:
    party = Party()
    inside = sockets(party.guard("alice", ("world", "bob")))
    inbox = inside.bind(zmq.PULL, "tcp://127.0.0.1:*")
    plain = inbox.address.removeprefix("alice@")
    wrong_server = Party().guard("bob")  # knows another alice
    attempts = [
        (party.guard("bob", pair=party.pairs["stranger"]), inbox.address, "our key is refused there"),
        (party.guard("olga"), inbox.address, "our key is refused there"),  # operators order the world only
        (wrong_server, inbox.address, "the key there is not the one we know"),
        (Guard(), plain, "the key there is not the one we know"),
    ]
    for guard, address, why in attempts:
        before = inside.turned_away
        out = sockets(guard).connect(zmq.PUSH, address, watched=True)
        out.send([b"let me in"])
        assert out.meeting is not None and out.meeting.wait(5).startswith(why)
        assert until(lambda before=before: inside.turned_away > before)
    good = sockets(party.guard("bob")).connect(zmq.PUSH, inbox.address)
    good.send([b"good"])
    assert trio.run(inbox.receive) == [b"good"]
    assert inbox.receive_now() is None
    logged = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert any(party.pairs["stranger"].public.hex() in line for line in logged)
    assert any("without our public key, or without any" in line for line in logged)


def test_tcp_beyond_this_machine_without_keys_is_refused_by_the_sockets_too() -> None:
    with Sockets() as plain:
        for address in ("tcp://198.51.100.7:7000", "tcp://example.org:7000", "tcp://[2001:db8::1]:7000"):
            with pytest.raises(ConfigError, match="TCP beyond this machine needs keys"):
                plain.connect(zmq.PUSH, address)
        with pytest.raises(ConfigError, match="every address of this machine"):
            plain.bind(zmq.PULL, "tcp://0.0.0.0:7000")
        for address in ("tcp://localhost:*", "tcp://127.0.0.1:*", "tcp://[::1]:*"):
            try:
                plain.bind(zmq.PULL, address)
            except OSError:
                assert "::1" in address  # a machine without IPv6
    with Sockets(Guard(insecure_tcp=True)) as insecure:
        insecure.connect(zmq.PUSH, "tcp://198.51.100.7:7000")


@pytest.mark.parametrize(
    ("sender", "message", "why"),
    [
        ("alice", Hello("alice/cnpu", "alice@tcp://127.0.0.1:1", VERSION, 1), ""),
        ("alice", Hello("bob/cnpu", "alice@tcp://127.0.0.1:1", VERSION, 1), "Hello of bob/cnpu from alice"),
        ("alice", Hello("alice/cnpu", "bob@tcp://127.0.0.1:1", VERSION, 1), "with an address of bob"),
        ("alice", Report(0, "alice/qnpu", ()), ""),
        ("olga", Report(0, "alice/qnpu", ()), "Report of alice/qnpu from olga"),
        ("olga", Leave(), ""),
        ("bob", Leave(), "Leave from bob, which is a node and no operator"),
        ("", Leave(), ""),
        ("olga", AskNetwork("olga@tcp://127.0.0.1:1"), ""),
        ("alice", AskNetwork("alice@tcp://127.0.0.1:1"), "which is a node and no operator"),
        ("olga", AskNetwork("alice/cnpu"), "is no address"),
        ("", Grant(0, 0, 0, 0), "Grant, which is not for the world"),
    ],
)
def test_world_takes_accounts_from_their_nodes_and_orders_from_operators(
    sender: str, message: msgspec.Struct, why: str
) -> None:
    found = at_world(sender, message, (), ACTORS)  # type: ignore[arg-type]
    assert (why in found) if why else found == ""


def test_actor_takes_grants_from_the_world_and_messages_from_the_node_of_their_sender() -> None:
    bob = [(0, "bob/cnpu", 1)]
    assert at_actor("world", Grant(0, 0, 0, 0), bob) == ""
    assert at_actor("bob", None, bob) == ""
    assert at_actor("", Grant(0, 0, 0, 0), bob) == ""  # without keys who connects is believed
    assert at_actor("bob", Grant(0, 0, 0, 0), ()) == "Grant from bob; only the world may say that"
    assert at_actor("alice", None, bob) == "a message of bob/cnpu from alice"


def test_strangers_change_nothing_in_a_network_with_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = make_keys(tmp_path, "world", "alice", "bob", "olga")
    for variable, value in environment(tmp_path).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("qnos.hosts.MEET_S", 60.0)  # on a busy machine processes begin slowly
    names = ("world", *ACTORS)
    ports = free_ports(len(names))
    addresses = {name: f"tcp://127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}
    file = write_network(tmp_path, "two_generic", addresses, keys=str(keys))
    network = load_network(file)
    stranger = tmp_path / "stranger"
    new_pair(stranger, "olga")
    with started(ByHand(tmp_path, file), *names) as hands:
        with StandingNetwork(network) as standing:
            assert digest(standing) == digest(None)
            for address in addresses.values():
                context = zmq.Context()
                raw = context.socket(zmq.PUSH)  # without a key
                raw.connect(address)
                raw.send(encode_control(Leave()))
                raw.close(100)
                context.term()
            with pytest.raises(
                ConfigError, match=r"stranger/olga.secret is not among the keys of network net"
            ):
                StandingNetwork(network, stranger / "olga.secret")
            pair = read_secret(keys / "alice.secret")
            public = {name: read_secret(keys / f"{name}.secret").public for name in ("world", "alice")}
            node = Client(  # a node that gives orders
                "tcp://127.0.0.1:*", f"world@{addresses['world']}", Guard(Keyring("alice", pair, public, ()))
            )
            before = refused(standing)
            node.meet(5)
            node.leave()
            assert until(lambda: refused(standing) == before + 1)
            node.close()
            assert digest(standing) == digest(None)
        assert all(process.poll() is None for process in hands.processes.values())
        assert "turned away" in hands.log("alice/cnpu").read_text()
        assert "Leave from alice, which is a node and no operator" in hands.log("world").read_text()


# -------------------------------------------------------------------------------- files and directories


def test_secret_key_is_for_its_owner_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    public, secret = new_pair(tmp_path / "keys", "alice")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    pair = read_secret(secret)
    assert pair.public.hex() in public.read_text()
    assert pair.secret.hex() not in repr(pair)
    with pytest.raises(ConfigError, match=r"alice.secret exists already; a key is never overwritten"):
        new_pair(tmp_path / "keys", "alice")
    secret.chmod(0o640)
    with pytest.raises(ConfigError, match=r"others may read this secret key; chmod 600"):
        read_secret(secret)
    secret.chmod(0o600)
    secret.write_text("curve:" + "00" * 32)
    with pytest.raises(ConfigError, match=r"is no secret key; allowed: curve-secret: and 64 hex digits"):
        read_secret(secret)
    with pytest.raises(ConfigError, match=r"no such key; qnos keys new bob makes one"):
        read_secret(tmp_path / "bob.secret")


def test_runtime_directories_are_private_to_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    network = load_network("perfect")
    before = os.umask(0)  # what others may do is ours to say, not the umask's
    try:
        fresh = RuntimeDir.create(network)
        made = [fresh, RuntimeDir.claim("net", network), RuntimeDir.by_hand("net")]
    finally:
        os.umask(before)
    fresh.remove()
    for runtime in made[1:]:
        for folder in (runtime.path, runtime.path.parent):
            assert folder.stat().st_mode & 0o777 == 0o700, folder
    (tmp_path / "qnos").chmod(0o755)
    with pytest.raises(ConfigError, match=r"others may enter it; chmod 700"):
        RuntimeDir.by_hand("net")


def test_runtime_directory_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (tmp_path / "qnos").symlink_to(elsewhere)
    with pytest.raises(ConfigError, match="is no directory of yours"):
        RuntimeDir.claim("net", load_network("perfect"))
    for name in ("../net", ".by-hand", "", "a/b"):
        with pytest.raises(ConfigError, match="network name"):
            RuntimeDir.named(name)
