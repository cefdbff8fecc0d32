"""Finding applications, and checking their inputs."""

from __future__ import annotations

import functools
import hashlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import cnpu.app
from cnpu import App, load_app, shipped_apps
from cnpu.inputs import inputs_of
from qruntime.errors import ConfigError

GOOD = '''
"""A test application.

    It says hello.
"""
from __future__ import annotations

async def alice(node, theta: float = 0.3, *, name: str = "x", flags: list[bool] | None = None) -> dict:
    return {}

async def bob(node, required: int) -> dict:
    return {}

ROLES = {"alice": alice, "bob": bob}

def metrics(results):
    return {"ok": True}

def expected(facts, inputs):
    return None
'''


def write(directory: Path, text: str, name: str = "mine.py") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def refusal(source: Any) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_app(source)
    return caught.value


async def program(node: Any) -> dict[str, Any]:
    return {}


def test_file_is_loaded_with_all_it_offers(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    app = load_app(str(path))
    assert (app.name, app.doc, app.file) == ("mine", "A test application.\n\nIt says hello.", str(path))
    assert app.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert list(app.roles(2)) == ["alice", "bob"] and app.has_fixed_roles
    assert app.metrics is not None and app.metrics({}) == {"ok": True}
    assert app.expected is not None and app.expected(None, {}) is None


def test_path_objects_modules_and_mappings_will_do(tmp_path: Path) -> None:
    app = load_app(write(tmp_path, GOOD))
    assert load_app(app) is app
    module = types.ModuleType("made.here")
    module.ROLES = {"alice": program}  # type: ignore[attr-defined]
    assert load_app(module).name == "here"
    assert load_app({"alice": program}).roles(1) == {"alice": program}


def test_same_file_is_the_same_module_until_it_changes(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    first, second = load_app(path).roles(2), load_app(path).roles(2)
    assert first["alice"] is second["alice"]
    write(tmp_path, GOOD + "\nMORE = 1\n")
    assert load_app(path).roles(2)["alice"] is not first["alice"]


def test_application_may_import_its_neighbours_and_leaves_the_path_alone(tmp_path: Path) -> None:
    write(tmp_path, "VALUE = 41\n", "cnpu_test_neighbour.py")
    path = write(
        tmp_path, "import cnpu_test_neighbour\n" + GOOD.replace("from __future__ import annotations", "")
    )
    before = list(sys.path)
    load_app(path)
    assert sys.path == before
    del sys.modules["cnpu_test_neighbour"]


def test_shipped_applications_are_found_by_name() -> None:
    names = shipped_apps()
    assert "teleport" in names and names == sorted(names)
    app = load_app("teleport")
    assert app.name == "teleport" and set(app.roles(2)) == {"alice", "bob"}


def test_unknown_name_is_answered_with_those_there_are_and_the_nearest() -> None:
    message = refusal("telepotr").message
    assert message.startswith("no application 'telepotr'; did you mean teleport?; shipped are ")
    assert "teleport" in message and "path" in message


def test_shipped_application_that_cannot_be_imported_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "cnpu_test_apps"
    package.mkdir()
    write(package, "", "__init__.py")
    write(package, "VALUE = 1\nVALUE.nothing\n", "broken.py")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cnpu.app, "SHIPPED", "cnpu_test_apps")
    assert shipped_apps() == ["broken"]
    assert (
        "application broken cannot be imported: broken.py line 2: AttributeError" in refusal("broken").message
    )
    monkeypatch.setattr(cnpu.app, "SHIPPED", "cnpu_test_no_such_package")
    assert shipped_apps() == []
    assert "shipped are none" in refusal("broken").message


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.py").message == f"application {tmp_path / 'none.py'} does not exist"
    assert refusal(tmp_path).message == f"application {tmp_path} is no file"


@pytest.mark.parametrize("name", ["mine", "mine.", "mine-.txt", "mine.pyc"])
def test_file_that_is_no_python_file_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, GOOD, name)
    says = f"application {file} is no Python file; allowed: a name that ends in .py"
    assert refusal(file).message == says


def test_application_that_exits_as_it_is_imported_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "import sys\nsys.exit(3)\n")
    assert refusal(file).message == f"{file} cannot be imported: mine.py line 2: SystemExit: 3"


def test_ctrl_c_while_an_application_is_imported_is_no_fault_of_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        load_app(write(tmp_path, "raise KeyboardInterrupt\n"))


def test_syntax_error_is_located(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "x = 1\ndef f(:\n"))
    assert "mine.py line 2: SyntaxError" in error.message
    assert (error.data["file"], error.data["line"]) == ("mine.py", 2)


def test_error_while_importing_is_located(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "x = 1\n\nimport nothing_of_this_name\n"))
    assert "mine.py line 3: ModuleNotFoundError" in error.message
    assert (error.data["file"], error.data["line"]) == ("mine.py", 3)
    assert isinstance(error.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "no ROLES"),
        ("ROLES = 3", "ROLES is an int"),
        ("ROLES = {}", "roles are {}"),
        ("ROLES = {1: 2}", "role 1 is no name"),
        ("def alice(node):\n    pass\nROLES = {'alice': alice}", "no `async def` (mine.py line 1)"),
        ("async def a(node): pass\nROLES = {'a': a}\nmetrics = 3", "metrics is an int"),
    ],
)
def test_module_that_is_no_application_is_refused(tmp_path: Path, text: str, says: str) -> None:
    message = refusal(write(tmp_path, text)).message
    assert "mine.py" in message and says in message


def test_roles_may_depend_on_the_number_of_nodes() -> None:
    def roles(n: int) -> dict[str, Any]:
        if n < 3:
            raise ValueError("three nodes at least")
        return {f"node{i}": program for i in range(n)}

    app = App("ghz", roles)
    assert not app.has_fixed_roles and list(app.roles(3)) == ["node0", "node1", "node2"]
    with pytest.raises(
        ConfigError, match=r"no roles for 2 nodes: three nodes at least \(test_apps.py line \d+\)"
    ):
        app.roles(2)
    with pytest.raises(ConfigError, match="roles are None"):
        App("none", lambda n: None).roles(2)


def checked(main: Any, **given: Any) -> dict[str, Any]:
    app = App("test", {"alice": main})
    return app.check_inputs(app.roles(1), {"alice": given})["alice"]


async def typed(
    node: Any,
    i: int = 1,
    f: float = 0.5,
    s: str = "x",
    b: bool = False,
    some: list = [1, "a"],  # type: ignore[type-arg]  # noqa: B006
    ints: list[int] = [1],  # noqa: B006
    maybe: float | None = None,
    untyped=7,
) -> dict[str, Any]:
    return {}


def test_defaults_fill_what_is_not_given() -> None:
    assert checked(typed) == {
        "i": 1, "f": 0.5, "s": "x", "b": False, "some": [1, "a"], "ints": [1], "maybe": None, "untyped": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("i", "42", 42), ("i", 3.0, 3), ("i", -5, -5), ("f", "0.3", 0.3), ("f", 2, 2.0), ("f", "1e-3", 0.001),
        ("s", "0.3", "0.3"), ("b", "true", True), ("b", "0", False), ("b", True, True),
        ("some", '[1, "b", null]', [1, "b", None]), ("ints", (1, 2), [1, 2]), ("ints", "[3, 4.0]", [3, 4]),
        ("maybe", "none", None), ("maybe", None, None), ("maybe", "2", 2.0), ("untyped", "8", 8),
    ],
)  # fmt: skip
def test_values_are_converted_to_their_type(name: str, given: Any, value: Any) -> None:
    found = checked(typed, **{name: given})[name]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given", "allowed"),
    [
        ("i", "x", "int"), ("i", 1.5, "int"), ("i", True, "int"), ("i", None, "int"),
        ("f", "x", "finite float"), ("f", True, "finite float"), ("f", "nan", "finite float"),
        ("f", float("inf"), "finite float"), ("s", 3, "str"), ("b", "maybe", "bool"), ("b", 1, "bool"),
        ("ints", "[1, ", "list[int]"), ("ints", ["x"], "list[int]"), ("ints", 3, "list[int]"),
        ("some", "{}", "list"), ("maybe", "x", "finite float or None"),
    ],
)  # fmt: skip
def test_value_of_a_wrong_type_is_refused_with_role_name_found_and_allowed(
    name: str, given: Any, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(typed, **{name: given})
    assert caught.value.message == f"input {name} of role alice is {given!r}; allowed: {allowed}"


def test_unknown_role_and_unknown_input_are_refused_with_those_there_are() -> None:
    app = App("test", {"alice": typed})
    with pytest.raises(ConfigError, match="test has no role 'eve'; its roles are alice"):
        app.check_inputs(app.roles(1), {"eve": {}})
    with pytest.raises(
        ConfigError, match="role alice has no input 'maybee'; did you mean maybe\\?; its inputs are"
    ):
        checked(typed, maybee=1)
    with pytest.raises(ConfigError, match="its inputs are: none"):
        checked(program, x=1)


def test_required_input_is_asked_for(tmp_path: Path) -> None:
    app = load_app(write(tmp_path, GOOD))
    with pytest.raises(ConfigError, match="input required of role bob is missing; allowed: int"):
        app.check_inputs(app.roles(2), {"alice": {"theta": 1}})
    values = app.check_inputs(app.roles(2), {"bob": {"required": 4}})
    assert values["bob"] == {"required": 4}
    assert values["alice"] == {"theta": 0.3, "name": "x", "flags": None}
    inputs = app.inputs(app.roles(2))
    assert inputs["bob"]["required"].required and inputs["alice"]["flags"].allowed == "list[bool] or None"


def test_inputs_fixed_with_partial_are_defaults() -> None:
    main = functools.partial(typed, i=5)
    assert checked(main)["i"] == 5


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("async def f(): pass", "takes no node"),
        ("async def f(*, node): pass", "takes no node"),
        ("async def f(node, *rest): pass", "parameter rest of role alice has no name"),
        ("async def f(node, **rest): pass", "parameter rest of role alice has no name"),
        ("async def f(node, x): pass", "input x of role alice has no type: annotate it"),
        ("async def f(node, x=None): pass", "input x of role alice has no type: annotate it"),
        ("async def f(node, x: dict = {}): pass", "input x of role alice has type dict; allowed: int, float"),
        ("async def f(node, x: int | str = 1): pass", "input x of role alice has type int | str"),
        ("async def f(node, x: list[dict] = []): pass", "input x of role alice has type list[dict]"),
        ("async def f(node, x: 'Nowhere' = 1): pass", "annotations of role alice cannot be read"),
        ("async def f(node, x: int = 'a'): pass", "input x of role alice is 'a'; allowed: int"),
    ],
)
def test_signature_that_declares_no_inputs_is_refused(source: str, says: str) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(source, "app.py", "exec", dont_inherit=True), namespace)
    with pytest.raises(ConfigError) as caught:
        inputs_of("alice", namespace["f"])
    assert says in caught.value.message
