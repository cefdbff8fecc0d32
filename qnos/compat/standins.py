"""Which names stand in for which, module by module: what a script may import, and where that is here.

`STANDINS` has the modules that we answer for, `KNOWN` what those packages have besides and what to use
instead. Nothing is imported before a script does.
"""

from __future__ import annotations

from typing import Final

_CONFIG: Final = {
    "StackNetworkConfig": "networks",
    "StackConfig": "networks",
    "LinkConfig": "networks",
    "CLinkConfig": "networks",
    "GenericQDeviceConfig": "devices",
    "NVQDeviceConfig": "devices",
    "DepolariseLinkConfig": "links",
    "HeraldedLinkConfig": "links",
    "InstantCLinkConfig": "links",
    "DefaultCLinkConfig": "links",
}
_UTIL: Final = {
    "create_two_node_network": "networks",
    "get_qubit_state": "states",
    "get_reference_state": "states",
}
_ROUTINES: Final = (
    "measXY",
    "remote_state_preparation",
    "recv_remote_state_preparation",
    "send_float",
    "recv_float",
    "send_int",
    "recv_int",
    "teleport_send",
    "teleport_recv",
    "distributed_CNOT_control",
    "distributed_CNOT_target",
    "distributed_CPhase_control",
    "distributed_CPhase_target",
    "create_ghz",
)
_NETBUILDER: Final = "netsquid_netbuilder"

# module -> name there -> where it is: a module of qnos.compat, or module:name if it is called otherwise here
STANDINS: Final[dict[str, dict[str, str]]] = {
    "squidasm": {},
    "squidasm.run": {},
    "squidasm.run.stack": {},
    "squidasm.run.stack.config": _CONFIG,
    "squidasm.run.stack.run": {"run": "stack"},
    "squidasm.sim": {},
    "squidasm.sim.stack": {},
    "squidasm.sim.stack.program": dict.fromkeys(("Program", "ProgramContext", "ProgramMeta"), "program"),
    "squidasm.sim.stack.csocket": {"ClassicalSocket": "csocket"},
    "squidasm.sim.stack.common": {
        "LogManager": "log",
        "AppMemory": "memory",
        "AllocError": "physical",
        "PhysicalQuantumMemory": "physical",
        "NVPhysicalQuantumMemory": "physical",
    },
    "squidasm.sim.stack.globals": {"GlobalSimData": "states"},
    "squidasm.util": _UTIL,
    "squidasm.util.util": {**_UTIL, "create_complete_graph_network": "networks"},
    "squidasm.util.routines": dict.fromkeys(_ROUTINES, "routines"),
    "squidasm.util.qkd_routine": {"QKDRoutine": "qkd"},
    "squidasm.util.sim": {"get_qubit_state": "external.states"},
    "squidasm.run.multithread": {},
    "squidasm.run.multithread.simulate": {"simulate_application": "external.simulate"},
    "squidasm.nqasm": {},
    "squidasm.nqasm.multithread": {"NetSquidConnection": "external.connection:NetQASMConnection"},
    "pydynaa": {"EventExpression": "events"},
    "netsquid": {
        "sim_time": "clock",
        "sim_reset": "clock",
        "set_random_state": "clock",
        "set_qstate_formalism": "formalism",
        "QFormalism": "formalism",
    },
    "netsquid.qubits": {"QFormalism": "formalism", "set_qstate_formalism": "formalism"},
    "netsquid.qubits.qformalism": {"QFormalism": "formalism", "set_qstate_formalism": "formalism"},
    _NETBUILDER: {},
    f"{_NETBUILDER}.modules": {},
    f"{_NETBUILDER}.modules.qlinks": {
        "PerfectQLinkConfig": "links",
        "DepolariseQLinkConfig": "links:DepolariseLinkConfig",
        "HeraldedSingleClickQLinkConfig": "links",
        "HeraldedDoubleClickQLinkConfig": "links:HeraldedLinkConfig",
        "IQLinkConfig": "links:ILinkConfig",
    },
    f"{_NETBUILDER}.modules.qlinks.perfect": {"PerfectQLinkConfig": "links"},
    f"{_NETBUILDER}.modules.qlinks.depolarise": {"DepolariseQLinkConfig": "links:DepolariseLinkConfig"},
    f"{_NETBUILDER}.modules.qlinks.heralded_single_click": {"HeraldedSingleClickQLinkConfig": "links"},
    f"{_NETBUILDER}.modules.qlinks.heralded_double_click": {
        "HeraldedDoubleClickQLinkConfig": "links:HeraldedLinkConfig"
    },
    f"{_NETBUILDER}.modules.qlinks.interface": {"IQLinkConfig": "links:ILinkConfig"},
    f"{_NETBUILDER}.modules.clinks": {
        "InstantCLinkConfig": "links",
        "DefaultCLinkConfig": "links",
        "ICLinkConfig": "links:IClinkConfig",
    },
    f"{_NETBUILDER}.modules.clinks.instant": {"InstantCLinkConfig": "links"},
    f"{_NETBUILDER}.modules.clinks.default": {"DefaultCLinkConfig": "links"},
    f"{_NETBUILDER}.modules.clinks.interface": {"ICLinkConfig": "links:IClinkConfig"},
    f"{_NETBUILDER}.modules.qdevices": {
        "GenericQDeviceConfig": "devices",
        "NVQDeviceConfig": "devices",
        "IQDeviceConfig": "devices",
    },
    f"{_NETBUILDER}.modules.qdevices.generic": {"GenericQDeviceConfig": "devices"},
    f"{_NETBUILDER}.modules.qdevices.nv": {"NVQDeviceConfig": "devices"},
    f"{_NETBUILDER}.modules.qdevices.interface": {"IQDeviceConfig": "devices"},
    f"{_NETBUILDER}.network_config": {
        "NetworkConfig": "networks",
        "ProcessingNodeConfig": "networks",
        "QLinkConfig": "networks",
        "CLinkConfig": "networks:NodeCLinkConfig",
    },
    f"{_NETBUILDER}.yaml_loadable": {"YamlLoadable": "model:Model"},
    f"{_NETBUILDER}.util": {},
    f"{_NETBUILDER}.util.network_generation": dict.fromkeys(
        (
            "create_single_node_network",
            "create_2_node_network",
            "create_complete_graph_network",
            "create_complete_graph_network_simplified",
        ),
        "builders",
    ),
    f"{_NETBUILDER}.util.fidelity": {"calculate_fidelity_epr": "builders"},
}

# The one module of the NetQASM SDK that we answer for: it is where the SDK takes its simulator from.
EXTERNAL: Final = "netqasm.sdk.external"
STANDINS[EXTERNAL] = {
    "NetQASMConnection": "external.connection",
    "Socket": "external.sockets",
    "BroadcastChannel": "external.sockets",
    "get_qubit_state": "external.states",
    "simulate_application": "external.simulate",
    "run_application": "external.simulate:simulate_application",
}

PACKAGES: Final = ("squidasm", "pydynaa", "netsquid", _NETBUILDER)

# What those packages have besides, as far as scripts look for it: beginning of the name -> what to use.
INSTEAD: Final[dict[str, str]] = {
    "squidasm.sim.stack": "the OS itself is qnos's: see its own API, `qnos.run` and `cnpu`",
    "squidasm.run.multithread": "`qnos compat simulate APPDIR` runs application directories",
    "squidasm.nqasm": "`qnos compat simulate APPDIR` runs application directories",
    EXTERNAL: "there are NetQASMConnection, Socket, BroadcastChannel, get_qubit_state, simulate_application",
    "netsquid": "the simulation below the OS is qnos's own (qworld); scripts reach time, seeds and formalism",
    _NETBUILDER: "networks are described by network_config and modules.*; protocols are not provided",
    "pydynaa": "programs wait with `yield from`; there is no event engine to reach",
}
