"""The classical side of a node, and the SDK its programs are written with.

    Qubit, Node, Socket, EprSocket, Array, Future      what a program works with
    Cnpu, CnpuSettings, Launch, Ended                  the actor that runs programs
    load_app, App                                      applications by name or path

A program is `async def alice(node, **inputs) -> dict`. It may await only what `node` offers, so it runs the
same in every runner.
"""

from cnpu.angles import WORST_ERROR, rotations_of
from cnpu.app import App, load_app, shipped_apps
from cnpu.builder import Builder
from cnpu.entanglement import EprSocket
from cnpu.futures import Array, ArrayFuture, Future, LoopIndex, NoValueError, RegisterFuture
from cnpu.launch import CnpuSettings, Ended, Launch
from cnpu.node import Node
from cnpu.pairs import EprMeasureResult, KeepInfo
from cnpu.qubit import Qubit
from cnpu.runtime import Cnpu
from cnpu.sockets import Socket
from cnpu.submitted import Submitted
from netqasm_isa.epr import Basis

__all__ = [
    "WORST_ERROR",
    "App",
    "Array",
    "ArrayFuture",
    "Basis",
    "Builder",
    "Cnpu",
    "CnpuSettings",
    "Ended",
    "EprMeasureResult",
    "EprSocket",
    "Future",
    "KeepInfo",
    "Launch",
    "LoopIndex",
    "NoValueError",
    "Node",
    "Qubit",
    "RegisterFuture",
    "Socket",
    "Submitted",
    "load_app",
    "rotations_of",
    "shipped_apps",
]
