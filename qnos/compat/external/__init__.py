"""Applications of the NetQASM SDK in directories, unchanged: what `netqasm.sdk.external` is here.

qnos compat simulate DIR             on the command line; or qnos run DIR
python -m qnos.compat -m netqasm.runtime.cli simulate       the SDK's own command
simulate_application(instance, 10)   in Python, after qnos.compat.install()

directory    an application directory: programs, inputs, roles, network
simulate     rounds of an application
party        what the calls of one program need to know of where they are
connection   `NetQASMConnection`, which blocks
sockets      `Socket` and `BroadcastChannel`; `mail` is what comes in at them
network      a `network.yaml` as a network of ours
logs         the files that an application leaves; `instructions` and `pairs` are those from the trace
"""
