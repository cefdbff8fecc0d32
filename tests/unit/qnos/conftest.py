"""A stand-in for the simulation, so that the front door is tested without what is behind it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from qnos.recording import Recorder
from qnos.results import RunResult, ShotError
from qruntime.errors import ConfigError


class Simulated:
    """What `simulate` was asked, and how it is to behave.

    Every shot gives alice the bit `shot % 2` and the fidelity of the first link as `f`.
    """

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.fail: dict[int, ShotError] = {}
        self.raises: BaseException | None = None
        self.interrupt_after: int | None = None

    def __call__(self, app: Any, network: Any, **options: Any) -> RunResult:
        self.calls.append({"app": app, "network": network, **options})
        if self.raises is not None:
            raise self.raises
        first, shots = options["first_shot"], options["shots"]
        recorder = Recorder(["alice", "bob"], None, first)
        recorder.expect(lambda: {"alice.m": 0.5})
        trace_file = options["trace_file"]
        for shot in range(first, first + shots):
            if self.interrupt_after is not None and recorder.shots == self.interrupt_after:
                break
            error = self.fail.get(shot)
            values = {"m": shot % 2 == 1, "f": network.links[0].model.points()[0].fidelity}
            recorder.add({"alice": None if error else values, "bob": {}}, 1000, [error] if error else [])
            if trace_file is not None:
                trace_file.write(
                    b'{"shot":%d}\n[1500,"alice","cnpu","PROGRAM_STARTED",0,["teleport",1]]\n' % shot
                )
            if options["progress"] is not None:
                options["progress"](recorder.shots)
        return RunResult(
            app=app.name,
            network=network.name,
            seed=options["seed"],
            shots=recorder.shots,
            first_shot=first,
            inputs=options["inputs"],
            placement=options["placement"] or {"alice": "alice", "bob": "bob"},
            results=recorder.results,
            metrics=recorder.metrics(),
            shot_sim_time_ns=recorder.shot_sim_time_ns,
            wall_s=0.01,
            trace_sha256="0" * 64 if options["trace"] else None,
            time_split={"entanglement": 600.0, "gates": 400.0},
            calibration=network.to_dict(),
            errors=recorder.errors,
            errors_total=recorder.errors_total,
            shots_failed=recorder.shots_failed,
            interrupted=self.interrupt_after is not None,
        )


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> Simulated:
    """Replaces the simulation and the search for applications; ``teleport`` is the only one there."""
    stand_in = Simulated()

    def load_app(app: Any) -> Any:
        if app != "teleport":
            raise ConfigError(f"no application is called {app!r}; allowed: teleport")
        return SimpleNamespace(name="teleport")

    monkeypatch.setattr("qnos.simulate.simulate", stand_in)
    monkeypatch.setattr("cnpu.app.load_app", load_app)
    return stand_in
