"""What an application directory can have wrong, and who is told what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qnos.compat.external.rounds import told
from qruntime.errors import ConfigError, Deadlock, ProgramError, SubroutineError
from tests.compat.appdirs import simulated, write

RAISE = 'raise RuntimeError("no more")'
QUIET = "def main(app_config=None): pass"
NODES = "nodes: [{name: alice, gate_fidelity: 1, qubits: [{id: 0, t1: 0, t2: 0}]}]\nlinks: []\n"


def failing(directory: Path, kind: type[BaseException], **options: Any) -> str:
    with pytest.raises(kind) as caught:
        simulated(directory, **options)
    return told(caught.value)


def test_error_of_a_program_says_role_round_file_and_line(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        ROUNDS = []

        def main(app_config=None):
            ROUNDS.append(1)
            if len(ROUNDS) == 3:
                raise RuntimeError("no more")
        """,
        bob=QUIET,
    )
    text = failing(directory, RuntimeError, num=5)
    assert text.startswith("RuntimeError: no more\n  role alice, round 2, ")
    line = (
        (directory / "app_alice.py").read_text().splitlines().index('        raise RuntimeError("no more")')
    )
    assert f"app_alice.py:{line + 1}" in text


def test_aborted_subroutine_says_instruction_role_and_line(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        def main(app_config=None):
            with NetQASMConnection("alice") as conn:
                qubits = [Qubit(conn) for _ in range(2)]
                conn.flush()
        """,
        network__yaml=NODES,
    )
    text = failing(directory, SubroutineError)
    assert "qalloc" in text and "role alice, round 0" in text and "app_alice.py:8" in text


def test_programs_that_wait_for_each_other_are_told_so(tmp_path: Path) -> None:
    body = """
        def main(app_config=None):
            Socket("{}", "{}").recv()
        """
    directory = write(tmp_path / "app", alice=body.format("alice", "bob"), bob=body.format("bob", "alice"))
    text = failing(directory, Deadlock)
    assert "alice" in text and "bob" in text and "round 0" in text


def test_waiting_for_a_program_that_is_over_is_an_error_and_no_deadlock(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="def main(): Socket('alice', 'bob').recv()",
        bob="def main(): Socket('bob', 'alice')",
    )
    assert "the program of bob is over" in failing(directory, ConnectionError, sim_context=False)


def test_timeouts_are_in_simulated_time(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        import time

        def main():
            socket = Socket("alice", "bob")
            found = []
            for call in (lambda: socket.recv(timeout=1000), lambda: socket.recv(block=False)):
                try:
                    call()
                except (TimeoutError, RuntimeError) as error:
                    found.append(type(error).__name__)
            socket.send("go on")
            return {"found": found}
        """,
        bob="def main(): Socket('bob', 'alice').recv()",
    )
    assert simulated(directory)[0]["app_alice"] == {"found": ["TimeoutError", "RuntimeError"]}


def test_busy_loop_is_ended_with_an_error(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        def main():
            socket = Socket("alice", "bob")
            while True:
                try:
                    return socket.recv(block=False)
                except RuntimeError:
                    pass
        """,
        bob="def main():\n    socket = Socket('bob', 'alice')\n    socket.recv()",
    )
    assert "loops without simulated time passing" in failing(directory, ProgramError)


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        ("Socket('alice', 'alice')", ValueError, "to itself"),
        ("Socket('alice', 'eve')", ValueError, "its roles are alice, bob"),
        ("Socket('bob', 'alice')", ProgramError, "in the program of 'alice'"),
        ("NetQASMConnection('bob')", ProgramError, "acts for its own role"),
        ("NetQASMConnection('alice', epr_sockets=[EPRSocket('eve')])", ValueError, "no role"),
        ("[NetQASMConnection('alice'), NetQASMConnection('alice')]", ProgramError, "has one open"),
        ("Socket('alice', 'bob').send(3)", TypeError, "has to be text"),
        ("Socket('alice', 'bob', timeout=0.5, socket_id=4)", TimeoutError, "0.5 s"),
    ],
)
def test_wrong_calls_are_told_what_is_wrong(
    tmp_path: Path, body: str, kind: type[BaseException], expected: str
) -> None:
    directory = write(
        tmp_path / "app",
        alice=f"def main(app_config=None): {body}",
        bob="import time\n\ndef main(app_config=None):\n    time.sleep(1)\n    Socket('bob', 'alice')",
    )
    assert expected in failing(directory, kind)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, "no such directory"),
        ({"roles__yaml": "alice: here"}, "no file app_<role>.py"),
        ({"alice": QUIET, "roles__yaml": "bob: here"}, "role bob has no program; needed: app_bob.py"),
        ({"alice": QUIET, "bob": QUIET, "roles__yaml": "bob: here"}, "says nothing of alice"),
        ({"alice": QUIET, "roles__yaml": "[]"}, "a mapping role: node is needed"),
        ({"alice": QUIET, "alice__yaml": "angle: 3"}, "app_alice.py; it takes none"),
        ({"alice": "def main(angle): pass"}, "angle is missing, which main of app_alice.py needs"),
        ({"alice": QUIET, "alice__yaml": "a: [", "bob": QUIET}, "alice.yaml"),
        ({"alice": "mian = 3"}, "no function main"),
        ({"alice": "\nimport nothing_of_that_name"}, "app_alice.py:5: ModuleNotFoundError"),
        ({"alice": "def main(: pass"}, "app_alice.py:4: SyntaxError"),
        ({"alice": QUIET, "network__yaml": "nodes: 3"}, "nodes is 3; a list is needed"),
        (
            {"alice": QUIET, "network__yaml": "nodes: [{name: a}]"},
            "nodes[0]: gate_fidelity, qubits is",
        ),
        ({"alice": QUIET, "network__yaml": NODES.replace("alice", "carol")}, "the network has carol"),
        (
            {"alice": QUIET, "network__yaml": NODES.replace("y: 1", "y: 2")},
            "gate_fidelity is 2; allowed: 0 to",
        ),
        ({"alice": QUIET, "network__yaml": NODES.replace("t2: 0", "t2: x")}, "t2 is 'x'; a number is needed"),
        ({"alice": QUIET, "network__yaml": NODES.replace("id: 0", "id: 4")}, "have the ids 4; allowed: 0, 1"),
        (
            {
                "alice": QUIET,
                "network__yaml": NODES.replace("alice", "alice, hardware: TrappedIon"),
            },
            "use Generic or NV",
        ),
        (
            {"alice": QUIET, "network__yaml": NODES.replace("[]", "[{name: l, node_name1: alice}]")},
            "links[0]: node_name2, noise_type, fidelity is missing",
        ),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    directory = write(tmp_path / "app", **files) if files else tmp_path / "app"
    assert expected in failing(directory, ConfigError)


def test_link_of_another_kind_and_missing_links_are_named(tmp_path: Path) -> None:
    node = "{{name: {}, gate_fidelity: 1, qubits: [{{id: 0, t1: 0, t2: 0}}]}}"
    nodes = ", ".join(node.format(name) for name in ("alice", "bob", "carol"))
    link = "{{name: l, node_name1: alice, node_name2: {}, noise_type: {}, fidelity: 1}}"

    def text(peer: str, noise: str) -> str:
        return f"nodes: [{nodes}]\nlinks: [{link.format(peer, noise)}]\n"

    program = "def main(): NetQASMConnection('alice', epr_sockets=[EPRSocket('bob')])"
    directory = write(tmp_path / "app", alice=program, bob=QUIET, network__yaml=text("bob", "Rain"))
    assert "noise_type is 'Rain'; allowed: NoNoise, Depolarise, DiscreteDepolarise, Bitflip" in failing(
        directory, ConfigError
    )
    write(directory, network__yaml=text("carol", "NoNoise"))
    assert "no link between alice and bob, where bob runs; alice has links to carol" in failing(
        directory, ProgramError
    )


def test_program_may_catch_an_error_and_connect_again(tmp_path: Path) -> None:
    directory = write(
        tmp_path / "app",
        alice="""
        def main():
            epr_socket = EPRSocket("bob")
            try:
                with NetQASMConnection("alice", epr_sockets=[epr_socket], max_qubits=6) as conn:
                    qubits = [Qubit(conn) for _ in range(4)]
                    conn.flush()
                    epr_socket.create_keep()
                    conn.flush(block=False)  # bob never takes part
                    raise KeyError("changed my mind")
            except KeyError:
                pass
            with NetQASMConnection("alice") as conn:
                qubits = [Qubit(conn) for _ in range(5)]  # all there are: the others are free again
                for qubit in qubits:
                    qubit.X()
                outcomes = [qubit.measure() for qubit in qubits]
            return {"outcomes": outcomes}
        """,
        bob=QUIET,
    )
    assert simulated(directory)[0]["app_alice"] == {"outcomes": [1, 1, 1, 1, 1]}


def test_broadcast_channels_opened_in_a_circle_do_not_wait_for_each_other(tmp_path: Path) -> None:
    body = """
        from netqasm.sdk.external import BroadcastChannel

        def main():
            channel = BroadcastChannel("{}", {})
            channel.send("{}")
            return {{"heard": sorted(channel.recv() for _ in range(2))}}
        """
    names = ["ann", "ben", "cid"]
    circle = {name: [names[(k + 1) % 3], names[(k + 2) % 3]] for k, name in enumerate(names)}
    programs = {name: body.format(name, others, name.upper()) for name, others in circle.items()}
    (result,) = simulated(write(tmp_path / "app", **programs))
    assert result["app_ann"]["heard"] == [("ben", "BEN"), ("cid", "CID")]
