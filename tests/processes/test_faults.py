"""A process that dies, stops, or cannot write: the caller hears in time what was lost, and nothing stays
behind."""

from __future__ import annotations

import errno
import io
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import psutil
import pytest
import zmq
from click.testing import CliRunner

from cnpu.app import load_app
from qnos import live
from qnos.cli import main
from qnos.loading import load_network
from qnos.processes import ProcessNetwork
from qnos.results import WHOLE_RUN
from qnos.runtime_dir import RuntimeDir
from qnos.simulate import simulate
from qruntime.errors import NodeDown, QnosError
from qruntime.sockets import Sockets
from qruntime.watch import SILENCE_S, Watch

HEARD_S = 5.0  # within which a caller must know
MANY = 1_000_000  # shots, more than a test waits for
ENOUGH = 20_000  # likewise, where nobody may be left to end the run: it ends by itself

PATIENT = '''"""Alice holds a qubit and says so; both wait for what does not come."""
import sys
from cnpu import Qubit

async def alice(node):
    qubit = Qubit(node)
    qubit.H()
    print("alice takes a qubit", file=sys.stderr)
    await node.flush()
    await node.sleep_ns(10**15)
    return {}

async def bob(node):
    node.epr("alice").recv_keep()
    await node.flush()
    return {}

ROLES = {"alice": alice, "bob": bob}
'''

ENDLESS = '''"""Alice computes for ever."""

async def alice(node):
    while True:
        pass

async def bob(node):
    return {}

ROLES = {"alice": alice, "bob": bob}
'''

LAUNCHER = """
import sys
from cnpu.app import load_app
from qnos.loading import load_network
from qnos.processes import ProcessNetwork
from qnos.simulate import simulate

with ProcessNetwork(load_network("perfect")) as network:
    pids = [process.pid for process in network.processes.values()]
    show = lambda done: done == 1 and print(*pids, flush=True)
    result = simulate(load_app("ping"), network.network, shots=20_000, processes=network, progress=show)
    print(result.interrupted, flush=True)
"""


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Directories of this test alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


@pytest.fixture
def patient(tmp_path: Path) -> str:
    """An application that is always in mid-program."""
    app = tmp_path / "patient.py"
    app.write_text(PATIENT)
    return str(app)


@pytest.fixture
def paced() -> Iterator[RuntimeDir]:
    """A network that is up and keeps pace with the wall, so that programs can be met under way."""
    runtime = live.up(load_network("perfect"), "net", seed=5, pace=1.0)
    yield runtime
    if runtime.path.exists():
        live.down("net")


@pytest.fixture(scope="module")
def started() -> Iterator[ProcessNetwork]:
    """A network for tests that take nothing from it."""
    with ProcessNetwork(load_network("perfect")) as processes:
        yield processes


def assert_gone(pids: list[int]) -> None:
    """None of these processes is left, not even as a zombie of ours."""
    found = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, left = psutil.wait_procs(found, timeout=HEARD_S)
    assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


def under_way(connection: live.Connection, app: str) -> int:
    """The number of a session whose alice holds her qubit."""
    number = connection.submit(app).session
    while not any(process.qubits for process in connection.state().nodes["alice"]):
        assert connection.session(number).state == "running"
    return number


def test_watch_takes_a_refusal_for_nobody_and_the_end_of_a_connection_for_a_loss(base: Path) -> None:
    address = f"ipc://{base}/inbox"
    with Sockets() as sockets:
        with socket.socket(socket.AF_UNIX) as rude:
            rude.bind(str(base / "inbox"))
            rude.listen()
            watch = Watch(sockets, address)
            for _ in range(3):
                rude.accept()[0].close()
        assert not watch.is_gone()
        (base / "inbox").unlink()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        inbox = context.socket(zmq.PULL)
        events = inbox.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
        inbox.bind(address)
        assert events.poll(HEARD_S * 1000)  # the watch is there
        assert not watch.is_gone()
        context.destroy(linger=0)
        assert watch.wait()
        watch.stop()


# ------------------------------------------------------------------------------------- runs of many shots


@pytest.mark.parametrize(
    ("name", "how", "found"),
    [
        pytest.param("alice/cnpu", signal.SIGKILL, "was killed by SIGKILL", marks=pytest.mark.slow),
        ("world", signal.SIGKILL, "was killed by SIGKILL"),
        pytest.param("bob/qnpu", signal.SIGSTOP, "gives no sign of life", marks=pytest.mark.slow),
        pytest.param("bob/qnpu", signal.SIGKILL, "was killed by SIGKILL", marks=pytest.mark.slow),
        pytest.param("alice/cnpu", signal.SIGSTOP, "gives no sign of life", marks=pytest.mark.slow),
        pytest.param("world", signal.SIGSTOP, "gives no sign of life", marks=pytest.mark.slow),
    ],
)
def test_run_that_loses_a_process_says_which_and_what_is_lost(
    name: str, how: signal.Signals, found: str, base: Path
) -> None:
    struck_s = 0.0

    def strike(done: int) -> None:
        nonlocal struck_s
        if done == 3:
            struck_s = time.monotonic()
            os.kill(network.processes[name].pid, how)

    network = ProcessNetwork(load_network("perfect"))
    with pytest.raises(NodeDown, match=f"process {name} {found}; lost: shots from ") as caught, network:
        simulate(load_app("ping"), network.network, shots=MANY, processes=network, progress=strike)
    assert time.monotonic() - struck_s < HEARD_S
    assert caught.value.data["process"] == name
    assert re.fullmatch(r"shots from ([3-9]|1\d) on", str(caught.value.data["lost"]))
    assert_gone([process.pid for process in network.processes.values()])
    assert list(base.glob("qnos-*")) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_do_not_outlive_the_one_that_started_them(how: signal.Signals) -> None:
    launcher = subprocess.Popen([sys.executable, "-c", LAUNCHER], stdout=subprocess.PIPE)
    assert launcher.stdout is not None
    pids = [int(word) for word in launcher.stdout.readline().split()]
    assert len(pids) == 5
    launcher.send_signal(how)
    said, _ = launcher.communicate(timeout=HEARD_S)
    assert_gone(pids)
    if how == signal.SIGINT:  # the shots that are done are there
        assert (said, launcher.returncode) == (b"True\n", 0)


def test_full_disk_under_the_trace_of_a_run_costs_no_shot_and_is_told(started: ProcessNetwork) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    found = simulate(load_app("ping"), started.network, shots=5, processes=started, trace_file=Full())
    whole = simulate(load_app("ping"), started.network, shots=5, trace=True)
    assert [(error.shot, error.role, error.code, error.message) for error in found.errors] == [
        (WHOLE_RUN, "trace", "STORAGE", "cannot be written: No space left on device")
    ]
    assert (found.results, found.trace_sha256) == (whole.results, whole.trace_sha256)


def test_peer_that_never_asks_is_a_timeout_in_simulated_time(started: ProcessNetwork, tmp_path: Path) -> None:
    app = tmp_path / "alone.py"
    app.write_text(
        '"""Bob never asks."""\n'
        "async def alice(node):\n    node.epr('bob').create_keep()\n    await node.flush()\n    return {}\n"
        "async def bob(node):\n    await node.sleep_ns(10**12)\n    return {}\n"
        'ROLES = {"alice": alice, "bob": bob}\n'
    )
    found = load_app(app)
    together = simulate(found, started.network, shots=1, trace=True, processes=started)
    alone = simulate(found, load_network("perfect"), shots=1, trace=True)
    assert [(error.role, error.code) for error in together.errors] == [("alice", "EPR")]
    assert "TIMEOUT" in together.errors[0].message
    assert together.trace_sha256 == alone.trace_sha256


def start_and_stop(times: int, base: Path) -> None:
    found = load_app("ping")
    network = load_network("perfect")
    for _ in range(times):
        with ProcessNetwork(network) as processes:
            result = simulate(found, network, shots=1, processes=processes)
        assert result.errors == []
        assert {name: process.returncode for name, process in processes.processes.items()} == dict.fromkeys(
            processes.processes, 0
        )
        assert list(base.glob("qnos-*")) == []


def test_starts_and_stops_are_clean(base: Path) -> None:
    start_and_stop(2, base)


@pytest.mark.slow
def test_a_hundred_starts_and_stops_in_a_row_are_clean(base: Path) -> None:
    start_and_stop(100, base)


# ----------------------------------------------------------------------------------- networks that stay up


def test_death_of_a_cnpu_frees_its_qubits_and_tells_everybody(
    paced: RuntimeDir, patient: str, tmp_path: Path
) -> None:
    with live.Connection("net") as connection:
        number = under_way(connection, patient)
        struck_s = time.monotonic()
        os.kill(paced.processes()["alice/cnpu"], signal.SIGKILL)
        over = connection.session(number, wait=True)
        assert time.monotonic() - struck_s < HEARD_S
        assert over.state == "failed"
        assert over.fault is not None
        assert (over.fault.code, over.fault.data) == ("NODE_DOWN", {"process": "alice/cnpu"})
        assert {row.role: row.fault.code for row in over.ended if row.fault is not None} == {
            "alice": "NODE_DOWN",
            "bob": "NODE_DOWN",
        }
        state = connection.state()
        while state.nodes["alice"] or state.nodes["bob"]:  # the news takes simulated time
            state = connection.state()
        assert state.qubits_free["alice"] == 5
        with pytest.raises(NodeDown, match="was refused: process alice/cnpu is gone"):
            connection.submit("ping")
    runner = CliRunner()
    assert "alice/cnpu (gone)" in runner.invoke(main, ["ps"]).output
    assert "alice takes a qubit" in runner.invoke(main, ["logs", "alice/cnpu"]).output
    journal, trace = tmp_path / "journal", tmp_path / "trace"
    live.down("net", journal, trace)
    assert live.replay(journal) == sha256(trace.read_bytes()).hexdigest()


def test_network_that_lost_a_process_is_started_again_as_a_whole(paced: RuntimeDir) -> None:
    before = paced.processes()
    os.kill(before["bob/qnpu"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(before["bob/qnpu"])], timeout=HEARD_S)
    said = CliRunner().invoke(main, ["up", "perfect", "--name", "net"]).output
    assert "bob/qnpu had gone: net starts again as a whole" in said
    assert_gone(list(before.values()))
    assert not set(before.values()) & set(paced.processes().values())
    with live.Connection("net") as connection:
        assert connection.session(connection.submit("ping").session, wait=True).state == "done"


def test_nobody_waits_for_a_network_whose_world_is_gone(paced: RuntimeDir, patient: str) -> None:
    pids = paced.processes()
    with live.Connection("net") as connection:
        number = under_way(connection, patient)
        os.kill(pids["world"], signal.SIGKILL)
        began_s = time.monotonic()
        with pytest.raises(NodeDown, match="process world"):
            connection.session(number, wait=True)
        assert time.monotonic() - began_s < HEARD_S
    assert_gone(list(pids.values()))  # the others have nobody to follow
    with pytest.raises(NodeDown, match="process world"), live.Connection("net") as late:
        late.session(number, wait=True)


@pytest.mark.parametrize("name", ["alice/qnpu", pytest.param("bob/cnpu", marks=pytest.mark.slow)])
def test_stopped_process_of_a_network_is_taken_for_gone(paced: RuntimeDir, patient: str, name: str) -> None:
    with live.Connection("net") as connection:
        number = under_way(connection, patient)
        struck_s = time.monotonic()
        os.kill(paced.processes()[name], signal.SIGSTOP)
        over = connection.session(number, wait=True)
        assert time.monotonic() - struck_s < HEARD_S
        assert over.fault is not None
        assert over.fault.data == {"process": name}
    assert live.gone(paced) == {name: "no sign of life"}
    pids = list(paced.processes().values())
    live.down("net")
    assert_gone(pids)


@pytest.mark.slow
def test_busy_process_is_not_taken_for_gone(paced: RuntimeDir, tmp_path: Path) -> None:
    app = tmp_path / "endless.py"
    app.write_text(ENDLESS)
    with live.Connection("net") as connection:
        number = connection.submit(str(app)).session
        busy_s = time.monotonic()
        while time.monotonic() - busy_s < 2 * SILENCE_S:
            assert connection.session(number).state == "running"
            assert set(connection.state().nodes) == {"alice", "bob"}
    assert live.gone(paced) == {}
    pids = list(paced.processes().values())
    live.down("net")
    assert_gone(pids)


def test_full_disk_under_a_journal_ends_sessions_and_says_so(paced: RuntimeDir, patient: str) -> None:
    with live.Connection("net") as connection:
        number = under_way(connection, patient)
        full = paced.journal.stat().st_size
        resource.prlimit(paced.processes()["world"], resource.RLIMIT_FSIZE, (full, full))
        with pytest.raises(QnosError, match="the journal of the network cannot be written: File too large"):
            connection.submit("ping")
        over = connection.session(number, wait=True)
        assert over.fault is not None
        assert (over.state, over.fault.code) == ("failed", "STORAGE")


def test_network_that_does_not_come_up_says_who_failed_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "path"
    (broken / "cnpu").mkdir(parents=True)
    (broken / "cnpu" / "__init__.py").write_text("raise ImportError('this installation is broken')\n")
    monkeypatch.setenv("PYTHONPATH", str(broken))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NodeDown, match=r"(?s)network net did not come up: .*this installation is broken"):
        live.up(load_network("perfect"), "net")
    assert not RuntimeDir.named("net").path.exists()


@pytest.mark.parametrize("started", ["by hand", "in the background of a script"])
def test_terminated_run_keeps_its_finished_shots_and_leaves_nothing(tmp_path: Path, started: str) -> None:
    """SIGTERM does what Ctrl-C does, also where a shell has told the run not to heed Ctrl-C."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [
        *([] if started == "by hand" else ["sh", "-c", "trap '' INT; exec \"$@\"", "sh"]),
        sys.executable,
        "-m",
        "qnos",
        "run",
        "ping",
        "--processes",
        "--shots",
        str(ENOUGH),
        "--out",
        "out",
    ]
    run = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 20
    while not list(tmp_path.glob("qnos-*/client*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"Interrupted after" in said
    assert not list(tmp_path.glob("qnos-*"))
    assert list((tmp_path / "out").glob("ping-*.json"))
