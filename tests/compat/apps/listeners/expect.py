"""Messages of 0 s and 2 s come within 3 s, that of 4 s and the end later."""

ROUNDS = 1
OPTIONS = {"sim_context": False}


def expect(results):
    guest = results[0]["app_guest"]
    assert guest["early"] == ["0 o'clock", "1 o'clock"]
    assert guest["late"] == ["0 o'clock", "1 o'clock", "2 o'clock", "lost"]
