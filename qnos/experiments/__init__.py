"""Experiments that travel with qnos: ``qnos experiment NAME`` measures, and writes a table and a plot.

An experiment is a module that is named in `EXPERIMENTS` and has what `experiment.Experiment` lists.
`experiment.conduct` runs one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from qnos.documents import nearest
from qruntime.errors import ConfigError

if TYPE_CHECKING:
    from qnos.experiments.experiment import Experiment

# name -> what the overview says; the module has the same name
EXPERIMENTS: Final = {
    "delegation": "Delegated computation on QNodeOS nodes: latency budget, fidelity against storage time",
    "multitasking": "Delegated computation and local tomography side by side and one after another",
    "deadlines": "Deadlines missed against load, under every scheduler, with preemption and without",
    "admission": "Deadlines and throughput against offered load, with admission control and without",
}


def named(name: str) -> Experiment:
    """The module of an experiment; `ConfigError` for a name that is none."""
    if name not in EXPERIMENTS:
        raise ConfigError(f"{name!r} is no experiment; {nearest(name, EXPERIMENTS)}")
    return cast("Experiment", import_module(f"qnos.experiments.{name}"))
