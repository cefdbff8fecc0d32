"""States of one node's qubits after gates with noise, and after waiting."""

from netqasm.sdk import Qubit
from netqasm.sdk.external import NetQASMConnection, get_qubit_state


def main(app_config=None):
    with NetQASMConnection("solo", log_config=app_config.log_config) as connection:
        first, second = Qubit(connection), Qubit(connection)
        first.H()
        connection.flush()
        after_gate = get_qubit_state(first)
        second.H()  # 1 us, in which the first decoheres
        first.X()
        connection.flush()
        both = get_qubit_state([first, second])
    return {"after_gate": after_gate, "both": both}
