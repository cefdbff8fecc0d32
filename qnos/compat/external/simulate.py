"""Rounds of an application: `simulate_application`."""

from __future__ import annotations

import os as operating_system
import shutil
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any, Final

from netqasm.logging import output
from netqasm.runtime.app_config import AppConfig
from netqasm.runtime.application import ApplicationInstance
from netqasm.sdk.config import LogConfig
from netqasm.sdk.connection import BaseNetQASMConnection

from qnos.compat.breakpoints import KEPT
from qnos.compat.clock import CLOCK, set_random_state
from qnos.compat.connection import network_info
from qnos.compat.external import instructions, pairs
from qnos.compat.external.network import Network, complete_network, translated
from qnos.compat.external.party import Cast, Party
from qnos.compat.external.roundlog import RoundLog, dump, new_folder
from qnos.compat.guest import Guest, current
from qnos.compat.options import OPTIONS
from qnos.compat.program import plain
from qnos.compat.runner import Body, run_guests
from qruntime.errors import ConfigError, ProgramError
from qruntime.trace import Record, Trace

RESULTS: Final = "results.yaml"
LAST: Final = "LAST"
PRESENTATION: Final = "results_config.json"


def simulate_application(
    app_instance: ApplicationInstance,
    num_rounds: int = 1,
    network_cfg: Any = None,
    nv_cfg: Any = None,
    log_cfg: LogConfig | None = None,
    formalism: Any = None,
    use_app_config: bool = True,
    post_function: Callable[[Backend], Any] | None = None,
    enable_logging: bool = True,
    hardware: str = "generic",
    *,
    seed: int | None = None,
    processes: bool | None = None,
    os: str | Mapping[str, Any] | None = None,
    sdk_compiler: bool | None = None,
    trace: Trace | None = None,
) -> list[dict[str, Any]]:
    """Run the programs of an application together, `num_rounds` times, each on a network as new; a dict
    {"app_<role>": what its `main` returned} for each round.

    `network_cfg` None: every two nodes are linked, without noise, `hardware` "generic" or "nv". `nv_cfg` has
    parameters of all NV centres. `formalism` is taken; states are exact. `use_app_config` passes `app_config`
    to programs that take it. `post_function` is called with a `Backend` after the last round, and what it
    returns is the entry "backend" of that round. With `enable_logging` each round leaves a folder of files
    below `log_cfg.log_dir` (`./log`), the last one copied to `LAST`.

    Beyond what the SDK has: `seed`; `processes` makes QNPUs and the world processes of their own; `os` is
    what the OS costs ("ideal": nothing); `sdk_compiler` has the SDK's own compiler make subroutines for NV
    centres; `trace` records what happened.

    The first error of a program is raised, as it is, with notes that say role, round, file and line. Raises
    `ConfigError` for a network there cannot be, `Deadlock` if all that is left waits in vain.
    """
    if current() is not None:
        raise ProgramError("a program cannot run an application")
    if not isinstance(num_rounds, int) or num_rounds < 1:
        raise ConfigError(f"the number of rounds is {num_rounds!r}; allowed: an integer of at least 1")
    if hardware not in ("generic", "nv"):
        raise ConfigError(f"hardware is {hardware!r}; allowed: generic, nv")
    placement = dict(app_instance.party_alloc)
    config = network_cfg or app_instance.network
    if config is None:
        config = complete_network(list(dict.fromkeys(placement.values())), hardware)
    network = translated(config, OPTIONS.os if os is None else os, nv_cfg, enable_logging)
    for role, node in placement.items():
        if node not in network.ours:
            raise ConfigError(f"role {role} is on node {node!r}; the network has {', '.join(network.names)}")
    compiled = OPTIONS.sdk_compiler if sdk_compiler is None else sdk_compiler
    cast = _cast(placement, network, [r for r in placement if compiled and placement[r] in network.nv])
    if seed is not None:
        set_random_state(seed)
    root_seed, number = CLOCK.next_run(num_rounds)
    KEPT.clear()
    rounds = _Rounds(app_instance, cast, network, log_cfg, use_app_config, enable_logging, number)
    if trace is None and enable_logging:
        trace = Trace()
    try:
        run_guests(
            "application",
            network.network,
            [rounds.bodies()],
            placement={role: network.ours[node] for role, node in placement.items()},
            seed=root_seed,
            number=number,
            rounds=num_rounds,
            flavours=dict.fromkeys(cast.compiled, "nv"),
            trace=trace,
            on_round=rounds.traced,
            processes=OPTIONS.processes if processes is None else processes,
        )
    finally:
        rounds.close()
    results = rounds.in_order()
    if post_function is not None:
        said = post_function(Backend(results, placement, network.names, config))
        if said is not None:
            results[-1]["backend"] = said
    if enable_logging:
        rounds.write_results(results)
    return results


def _cast(placement: Mapping[str, str], network: Network, compiled: list[str]) -> Cast:
    numbers = {name: number for number, name in enumerate(network.names)}
    return Cast(placement, numbers, network.links, network_info(placement, numbers), compiled)


@dataclass(frozen=True)
class Backend:
    """What a post function gets: the results of all rounds, roles with their nodes, and the network."""

    results: list[dict[str, Any]]
    roles: Mapping[str, str]
    nodes: list[str]
    network: Any

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"the backend of a post function has results, roles, nodes and network, no {name!r}: when it is "
            "called the rounds are over, with their qubits; programs look at states with get_qubit_state"
        )


@dataclass(eq=False)
class _Rounds:
    """What is kept of the rounds: results, and logs."""

    instance: ApplicationInstance
    cast: Cast
    network: Network
    log_config: LogConfig | None
    use_app_config: bool
    logging: bool
    first: int
    results: dict[int, dict[str, Any]] = field(default_factory=dict)
    logs: dict[int, RoundLog] = field(default_factory=dict)
    configs: dict[int, LogConfig] = field(default_factory=dict)

    def bodies(self) -> dict[str, Body]:
        """The programs of all roles."""
        mains = {program.party: program.entry for program in self.instance.app.programs}
        without = [role for role in self.cast.placement if role not in mains]
        if without:
            raise ConfigError(f"there is no program for the role {', '.join(without)}")
        return {role: self._body(role, mains[role]) for role in self.cast.placement}

    def _body(self, role: str, main: Callable[..., Any]) -> Body:
        inputs = dict(self.instance.program_inputs.get(role) or {})
        takes_config = self.use_app_config and _takes(main, "app_config")

        def body(guest: Guest) -> None:
            number = guest.node.program.cnpu.shot
            config = self._begun(number)
            party = Party(self.cast, role, guest, self.logs.get(number))
            keywords = dict(inputs)
            if takes_config:
                node = self.cast.placement[role]
                keywords["app_config"] = AppConfig(role, node, main, config, dict(inputs))
            try:
                value = plain(main(**keywords))
                party.mail.end()
            except Exception as error:
                error.add_note(f"role {role}, round {number - self.first}{_where(error, main)}")
                raise
            self.results[number][role] = value

        return body

    # --- logs ---------------------------------------------------------------------------------------------

    def _begun(self, number: int) -> LogConfig:
        """The log configuration of a round, whose first program begins or has begun."""
        if number not in self.configs:
            output.save_all_struct_loggers() if self.logging else output.reset_struct_loggers()
            self.results[number] = {}
            given = self.log_config or LogConfig()
            if self.logging:
                above = Path(given.log_dir or "log")
                tracked = given.track_lines and given.app_dir is not None
                folder = new_folder(above)
                self.logs[number] = RoundLog(folder, Path(str(given.app_dir)).resolve() if tracked else None)
                given.log_subroutines_dir = given.comm_log_dir = str(folder)
                self.configs[number] = replace(given)
            else:
                self.configs[number] = replace(given, log_subroutines_dir="", comm_log_dir=None)
        return self.configs[number]

    def traced(self, number: int, records: list[Record]) -> None:
        """A round is over: write its log."""
        log = self.logs.get(number)
        if log is None:
            return
        log.write(self.cast.roles)
        names = {ours: name for name, ours in self.network.ours.items()}
        for role, entries in instructions.logged(log, self.cast, names, records).items():
            dump(entries, log.folder / f"{role}_instrs.yaml")
        dump(pairs.logged(log, self.network, names, records), log.folder / "network_log.yaml")
        dump([self._named(number)], log.folder / RESULTS)

    def close(self) -> None:
        """Programs write no more."""
        if self.logging:
            output.save_all_struct_loggers()
            # for the SDK's own command, which renames logs of nodes to those of their applications
            names = BaseNetQASMConnection._app_names
            names.clear()
            names.update({role: {0: role} for role in self.cast.roles})
        else:
            output.reset_struct_loggers()

    def write_results(self, results: list[dict[str, Any]]) -> None:
        """The results of all rounds go into the last folder, which is copied to `LAST`."""
        last = self.logs[max(self.logs)].folder
        dump(results, last / RESULTS)
        given = self.log_config
        if given is not None and given.app_dir is not None:
            presentation = Path(given.app_dir) / PRESENTATION
            if presentation.is_file():
                shutil.copy(presentation, last / PRESENTATION)
        copy = last.parent / LAST
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(last, copy)

    # --- results ------------------------------------------------------------------------------------------

    def in_order(self) -> list[dict[str, Any]]:
        """Of all rounds."""
        return [self._named(number) for number in sorted(self.results)]

    def _named(self, number: int) -> dict[str, Any]:
        found = self.results[number]
        return {f"app_{role}": found[role] for role in self.cast.placement}


def _takes(main: Callable[..., Any], name: str) -> bool:
    parameters = signature(main).parameters
    return name in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())


def _where(error: BaseException, main: Callable[..., Any]) -> str:
    """File and line of the program that an error came through last."""
    file = Path(getattr(getattr(main, "__code__", None), "co_filename", "")).parent
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file)]
    return f", {operating_system.path.relpath(own[-1].filename)}:{own[-1].lineno}" if own else ""
