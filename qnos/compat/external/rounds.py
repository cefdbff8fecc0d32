"""An application directory from beginning to end: what the command does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from qnos.compat.shim import install, is_installed, uninstall
from qruntime.errors import QnosError
from qruntime.trace import Trace


def simulate_directory(
    directory: Path,
    *,
    num: int = 1,
    network_config_file: str | None = None,
    hardware: str = "generic",
    log_dir: Path | None = None,
    log_to_files: bool = True,
    log_level: str = "WARNING",
    track_lines: bool = True,
    post_function_file: str | None = None,
    sim_context: bool = True,
    simulator: str | None = None,
    formalism: str | None = None,
    seed: int = 0,
    processes: bool = False,
    preset: str = "ideal",
    sdk_compiler: bool = False,
    prefer_qnos: bool = False,
    trace: Trace | None = None,
) -> list[dict[str, Any]]:
    """Run the application of a directory; what `simulate_application` gives.

    The options are those of the command; `trace` records what happened. Meanwhile imports of
    `netqasm.sdk.external` are answered here.
    """
    was_installed = is_installed()
    install(prefer_qnos)
    try:
        from netqasm.logging.glob import set_log_level
        from netqasm.sdk.config import LogConfig

        from qnos.compat.external.directory import opened, post_function
        from qnos.compat.external.network import read_network
        from qnos.compat.external.simulate import simulate_application

        set_log_level(log_level)
        file = directory / (network_config_file or "network.yaml")
        network = read_network(file) if network_config_file or file.exists() else None
        with opened(directory) as instance:
            logs = log_dir or directory / "log"
            return simulate_application(
                instance,
                num,
                network,
                log_cfg=LogConfig(app_dir=str(directory), log_dir=str(logs), track_lines=track_lines),
                use_app_config=sim_context,
                post_function=post_function(directory, post_function_file),
                enable_logging=log_to_files,
                hardware=hardware,
                seed=seed,
                processes=processes,
                os=preset,
                sdk_compiler=sdk_compiler,
                trace=trace,
            )
    finally:
        if not was_installed:
            uninstall()


def text_of(results: list[dict[str, Any]]) -> str:
    """Results as `results.yaml` has them."""
    from qnos.compat.external.roundlog import plain_numbers

    text: str = yaml.dump(plain_numbers(results))
    return text


def told(error: BaseException) -> str:
    """An error of a program in a few lines: what it is, and the notes that say where."""
    kind = "" if isinstance(error, QnosError) else f"{type(error).__name__}: "
    return "\n  ".join([f"{kind}{error}", *getattr(error, "__notes__", ())])
