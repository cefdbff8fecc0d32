"""Processes started by hand: in any order, on several hosts, from one network file; the trace stays the
same."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import qnos
from qnos import live
from qnos.hosts import StandingConnection, StandingNetwork
from qnos.loading import load_network
from qnos.runtime_dir import RuntimeDir
from qruntime.errors import ConfigError, NodeDown
from tests.processes.by_hand import ByHand, environment, free_ports, make_keys, started, write_network

MEET_S = 60.0  # processes begin slowly on a machine that is busy with other tests
PROCESSES = ("world", "alice/cnpu", "alice/qnpu", "bob/cnpu", "bob/qnpu")
SHOTS, SEED = 5, 17
HOLDERS = ("world", "alice", "bob", "olga")


def be_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the user whose processes a test starts."""
    for variable, value in environment(folder).items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("qnos.hosts.MEET_S", MEET_S)


def digest(network: ByHand, app: str = "teleport", *more: str) -> str:
    """Digest of a run on a standing network."""
    done = network.qnos(
        "run", app, "--at", str(network.file), "--shots", str(SHOTS), "--seed", str(SEED), "--json", *more
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["trace_sha256"])


def digest_alone(app: str = "teleport") -> str | None:
    """Digest of the same run in one process."""
    return qnos.run(app, "two_generic", shots=SHOTS, seed=SEED, trace=True).trace_sha256


def test_processes_started_in_any_order_give_the_trace_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = free_ports(3)
    # two over ipc in the runtime directory, three over TCP of this machine
    addresses = {
        "world": f"tcp://127.0.0.1:{ports[0]}",
        "alice/qnpu": f"tcp://localhost:{ports[1]}",
        "bob/cnpu": f"tcp://127.0.0.1:{ports[2]}",
    }
    be_at(tmp_path, monkeypatch)
    file = write_network(tmp_path, "two_generic", addresses)
    with started(
        ByHand(tmp_path, file), "bob/qnpu", "alice/cnpu", "world", "bob/cnpu", "alice/qnpu"
    ) as network:
        assert digest(network) == digest_alone()
        with StandingNetwork(load_network(file)) as standing:  # a second caller, another application
            found = qnos.run("ping", "two_generic", SHOTS, SEED, trace=True, processes=standing)
        assert found.trace_sha256 == digest_alone("ping")
        with (
            StandingConnection(load_network(file)) as connection,
            pytest.raises(ConfigError, match="runs shots \\(qnos run\\); it keeps no timeline"),
        ):
            connection.submit("ping")
        assert network.end() == dict.fromkeys(network.processes, 0)
    sockets = [path for path in (tmp_path / "run").rglob("*") if path.is_socket()]
    assert {path.name for path in sockets} <= {"alice.cnpu", "bob.qnpu"}


def test_process_that_runs_already_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", environment(tmp_path)["XDG_RUNTIME_DIR"])
    runtime = RuntimeDir.by_hand("net")
    runtime.hold("alice/cnpu")
    RuntimeDir.by_hand("net").hold("bob/cnpu")
    with pytest.raises(
        ConfigError, match=f"alice/cnpu of network net runs already here, as process {os.getpid()}"
    ):
        RuntimeDir.by_hand("net").hold("alice/cnpu")
    assert RuntimeDir.all() == []  # it is none of the networks that `qnos ps` shows


def test_unknown_node_and_occupied_port_are_one_message(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    network = ByHand(
        tmp_path, write_network(tmp_path, "two_generic", {"alice/cnpu": f"tcp://127.0.0.1:{port}"})
    )
    with started(network, "alice/cnpu", "carol/cnpu"):
        assert network.processes["carol/cnpu"].wait(10) == 1
        said = network.log("carol/cnpu").read_text()
        assert "has no node 'carol'; it has alice, bob" in said
        assert "Traceback" not in said


def test_caller_is_told_who_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qnos.hosts.MEET_S", 0.2)
    monkeypatch.setenv("XDG_RUNTIME_DIR", environment(tmp_path)["XDG_RUNTIME_DIR"])
    (port,) = free_ports(1)
    network = load_network(write_network(tmp_path, "two_generic", {"world": f"tcp://127.0.0.1:{port}"}))
    with pytest.raises(NodeDown, match=f"no network at tcp://127.0.0.1:{port}: nobody answers there"):
        StandingNetwork(network).__enter__()


@pytest.mark.slow
def test_timeline_started_by_hand_takes_submissions_and_its_journal_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_at(tmp_path, monkeypatch)
    file = write_network(tmp_path, "two_generic", {})  # all over ipc, in the runtime directory
    network = load_network(file)
    with started(ByHand(tmp_path, file, live=True), *PROCESSES) as hands:
        with StandingConnection(network) as connection:
            for app in ("teleport", "ping"):
                assert connection.session(connection.submit(app).session, wait=True).state == "done"
        with (
            StandingNetwork(network) as standing,
            pytest.raises(ConfigError, match="keeps one timeline \\(qnos submit\\); it runs no shots"),
        ):
            qnos.run("ping", network, shots=1, processes=standing)
        listed = hands.qnos("results", "--at", str(file))
        assert listed.stdout.split() == ["0", "done", "teleport", "1", "done", "ping"], listed.stderr
        hands.end()
    runtime = RuntimeDir.by_hand("net")
    assert live.replay(runtime.journal) == hashlib.sha256(runtime.trace.read_bytes()).hexdigest()


# ------------------------------------------------------------------------------------- one host per node


def _ip(*arguments: str, inside: str = "") -> None:
    within = ["ip", "netns", "exec", inside] if inside else []
    subprocess.run([*within, "ip", *arguments], check=True, capture_output=True, text=True)


@pytest.fixture
def namespaces() -> Iterator[dict[str, str]]:
    """Three hosts: alice and bob each joined to the world by a cable, and through it to each other.

    Network namespaces, by host; the world's address is 10.77.1.1 for alice and everybody else.
    """
    if shutil.which("ip") is None:
        pytest.skip("network namespaces are made with ip (iproute2), which is not installed")
    names = {host: f"qnos{os.getpid()}{host[0]}" for host in ("world", "alice", "bob")}
    made = []
    try:
        for name in names.values():
            try:
                _ip("netns", "add", name)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")
            made.append(name)
            _ip("link", "set", "lo", "up", inside=name)
        for number, node in enumerate(("alice", "bob"), start=1):
            ends = f"w{number}", "eth0"
            try:
                _ip("link", "add", ends[0], "netns", names["world"], "type", "veth", "peer", "name", ends[1],
                    "netns", names[node])  # fmt: skip
            except subprocess.CalledProcessError as error:
                pytest.skip(f"namespaces cannot be joined here: {error.stderr.strip()}")
            for host, end, last in (("world", ends[0], 1), (node, ends[1], 2)):
                _ip("addr", "add", f"10.77.{number}.{last}/24", "dev", end, inside=names[host])
                _ip("link", "set", end, "up", inside=names[host])
            _ip("route", "add", "default", "via", f"10.77.{number}.1", inside=names[node])
        forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
        subprocess.run(["ip", "netns", "exec", names["world"], "sh", "-c", forward], check=True)
        yield names
    finally:
        for name in made:
            _ip("netns", "del", name)


def test_two_hosts_over_tcp_with_keys_give_the_trace_of_one_process(
    tmp_path: Path, namespaces: dict[str, str]
) -> None:
    make_keys(tmp_path, *HOLDERS)
    addresses = {
        "world": "tcp://10.77.1.1:7000",
        "alice/cnpu": "tcp://10.77.1.2:7001",
        "alice/qnpu": "tcp://10.77.1.2:7002",
        "bob/cnpu": "tcp://10.77.2.2:7001",
        "bob/qnpu": "tcp://10.77.2.2:7002",
    }
    file = write_network(tmp_path, "two_generic", addresses, keys="config/qnos/keys")
    network = ByHand(tmp_path, file, lambda host: ["ip", "netns", "exec", namespaces[host]])
    with started(network, *PROCESSES):
        assert digest(network) == digest_alone()
        reached = network.qnos("run", "ping", "--at", str(file), "--shots", "1", host="bob")
        assert reached.returncode == 0, reached.stderr  # an operator at bob's host
        assert network.end() == dict.fromkeys(network.processes, 0)
