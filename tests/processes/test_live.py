"""A network that stays up: what is submitted to it runs, and its journal repeats it to the same trace."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from qnos import live
from qnos.cli import main
from qnos.loading import load_network, with_values
from qnos.runtime_dir import RuntimeDir
from qruntime.errors import ConfigError


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Runtime directories of this test alone."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def name(base: Path) -> Iterator[str]:
    """A network that is up, with jitter, under this name."""
    network = with_values(load_network("two_generic"), {"testing.jitter_ns": 20_000})
    live.up(network, "net", seed=5)
    yield "net"
    if RuntimeDir.named("net").path.exists():
        live.down("net")


def test_journal_repeats_to_the_same_trace_what_a_network_did(name: str, tmp_path: Path) -> None:
    with live.Connection(name) as connection:
        numbers = [connection.submit(app).session for app in ("teleport", "bqc", "ping", "chsh")]
        states = [connection.session(number, wait=True) for number in numbers]
        assert [state.state for state in states] == ["done"] * 4
        assert connection.session(0).ended[0].value.keys() == {"m1", "m2"}
        assert [state.session for state in connection.sessions()] == numbers
        late = connection.submit("e91", inputs={"alice": {"rounds": 2}})
        connection.session(late.session, wait=True)
    journal, trace = tmp_path / "journal", tmp_path / "trace"
    live.down(name, journal, trace)
    assert not RuntimeDir.named(name).path.exists()
    written = hashlib.sha256(trace.read_bytes()).hexdigest()
    with (tmp_path / "again").open("wb") as again:
        assert live.replay(journal, again) == written
    assert (tmp_path / "again").read_bytes() == trace.read_bytes()


def test_cancelled_session_ends_and_the_cancellation_is_repeated(name: str, tmp_path: Path) -> None:
    app = tmp_path / "patient.py"
    app.write_text(
        '"""Waits for a long time."""\n'
        "async def alice(node):\n    await node.sleep_ns(10**15)\n    return {}\n"
        "async def bob(node):\n    return {'value': await node.socket('alice').recv()}\n"
        'ROLES = {"alice": alice, "bob": bob}\n'
    )
    live.down(name)
    live.up(load_network("two_generic"), name, seed=5, pace=1.0)  # else the long time is over at once
    with live.Connection(name) as connection:
        number = connection.submit(str(app)).session
        assert connection.session(number).state == "running"
        assert connection.state().running == 1
        over = connection.cancel(number)
        assert over.state == "failed"
        assert {row.fault.code for row in over.ended if row.fault is not None} == {"CANCELLED"}
        assert connection.submit("ping").state == "running"
    journal, trace = tmp_path / "journal", tmp_path / "trace"
    live.down(name, journal, trace)
    assert live.replay(journal) == hashlib.sha256(trace.read_bytes()).hexdigest()
    full = CliRunner().invoke(main, ["run", "--replay", str(journal), "--trace", "/dev/full"])
    assert (full.exit_code, full.stderr) == (
        1,
        "Error: /dev/full: trace cannot be written: No space left on device\n",
    )


def test_two_programs_in_vain_get_a_deadlock_and_the_network_goes_on(name: str, tmp_path: Path) -> None:
    app = tmp_path / "stubborn.py"
    app.write_text(
        '"""Each waits for the other."""\n'
        "async def alice(node):\n    return {'value': await node.socket('bob').recv()}\n"
        "async def bob(node):\n    return {'value': await node.socket('alice').recv()}\n"
        'ROLES = {"alice": alice, "bob": bob}\n'
    )
    with live.Connection(name) as connection:
        over = connection.session(connection.submit(str(app)).session, wait=True)
        assert over.state == "failed"
        assert "DEADLOCK" in {row.fault.code for row in over.ended if row.fault is not None}
        assert connection.session(connection.submit("ping").session, wait=True).state == "done"


def test_bad_submissions_are_refused_and_say_why(name: str) -> None:
    with live.Connection(name) as connection:
        with pytest.raises(ConfigError, match="no application 'teleprot'; did you mean teleport"):
            connection.submit("teleprot")
        with pytest.raises(ConfigError, match="role alice has no input 'phase'"):
            connection.submit("teleport", inputs={"alice": {"phase": 1}})
        with pytest.raises(ConfigError, match="no session 7"):
            connection.session(7)
        assert connection.state().running == 0


def test_two_networks_are_up_at_once_and_a_name_is_taken_once(name: str) -> None:
    live.up(load_network("perfect"), "other")
    try:
        with pytest.raises(ConfigError, match="a network other is up already"):
            live.up(load_network("perfect"), "other")
        for each in (name, "other"):
            with live.Connection(each) as connection:
                assert connection.session(connection.submit("ping").session, wait=True).state == "done"
    finally:
        live.down("other")
    with pytest.raises(ConfigError, match="no network other is up; up are: net"):
        live.Connection("other")


def test_simulated_time_keeps_pace_with_the_wall_without_changing_the_trace(base: Path) -> None:
    digests = []
    for pace in (0.0, 0.2):  # a teleportation takes 14 ms simulated: 70 ms on the wall
        live.up(load_network("two_generic"), "paced", seed=3, pace=pace)
        with live.Connection("paced") as connection:
            connection.session(connection.submit("teleport").session, wait=True)
        live.down("paced", trace=base / "trace")
        digests.append(hashlib.sha256((base / "trace").read_bytes()).hexdigest())
    assert digests[0] == digests[1]
