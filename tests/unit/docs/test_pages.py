"""The documents do what they say: blocks run, commands print what is shown, links lead somewhere."""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from qnos import schema_docs
from qnos.loading import load_network, with_values
from qnpu.settings import QnpuSettings
from qruntime.limits import GROUP_QUBITS
from tests.unit.docs.pages import LANGUAGES, ROOT, Block, Reader, agrees, blocks, commands, pages, working_in

PAGES = pages()
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.M)
_FENCED = re.compile(r"^( *)```.*?^\1```$", re.M | re.S)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with working_in(tmp_path):
        yield Reader(tmp_path)


def tool(name: str) -> ModuleType:
    """A module of docs/tools, which is no package."""
    spec = importlib.util.spec_from_file_location(f"docs_{name}", ROOT / "docs" / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as mkdocs and GitHub make them of plain words."""
    titles = [match["title"].lower() for match in _HEADING.finditer(prose(page))]
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", title)).strip("-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_blocks_do_what_the_page_says(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_that_a_page_has_people_write_are_used_on_it(page: Path) -> None:
    found = blocks(page)
    for block in found:
        if block.title and block.language != "text":
            stem = Path(block.title).stem
            later = "".join(other.text for other in found if other.line > block.line)
            assert stem in later, f"{block.place}: nothing uses {block.title}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for match in _LINK.finditer(prose(page)):
        target, _, anchor = match["target"].partition("#")
        if target.startswith(("http://", "https://")):
            continue
        file = page if not target else Path(os.path.normpath(page.parent / target))
        assert file.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            assert anchor in anchors(file), (
                f"{page.name} links to {target}#{anchor}, a heading that is not there"
            )


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = re.findall(r": (\S+\.md)$", navigation, re.M)
    hook = tool("site_hook")
    expected = [hook.page_of(name) for name in NAMES]
    assert sorted(listed) == sorted(expected)


def test_pages_made_from_the_code_are_up_to_date() -> None:
    made = {**schema_docs.pages(), **tool("reference_pages").pages()}
    stale = [
        name for name, text in made.items() if (ROOT / "docs/reference" / name).read_text("utf-8") != text
    ]
    assert stale == [], "run python -m qnos.schema_docs and python docs/tools/reference_pages.py"


def test_paths_of_the_sweep_page_can_be_varied() -> None:
    table = re.findall(r"^\| `(?P<path>[^`]+)` \|", (ROOT / "docs/how-to/sweep.md").read_text("utf-8"), re.M)
    paths = [path for path in table if not path.startswith("inputs.")]
    assert len(paths) >= 5
    network = load_network("two_generic")
    for path in paths:
        assert with_values(network, {path: 1}) != network


def test_decisions_are_numbered_without_gaps_and_have_three_parts() -> None:
    decisions = sorted((ROOT / "docs/adr").glob("*.md"))
    for number, page in enumerate(decisions, start=1):
        text = page.read_text("utf-8")
        assert page.name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number}. ")
        headings = [match["title"] for match in _HEADING.finditer(text)][1:]
        assert headings == ["Context", "Decision", "Consequence"], page.name
        assert len(text.split()) < 400, f"{page.name} is longer than half a page"


def test_figures_in_the_caveats_are_those_of_the_code() -> None:
    text = (ROOT / "CAVEATS.md").read_text("utf-8")
    assert GROUP_QUBITS == 10 and "up to ten qubits" in text
    assert QnpuSettings().request_timeout_ns == 60 * 10**9 and "60 simulated seconds" in text
    assert QnpuSettings().accept_grace_ns == 10**8
    assert "(0.1 s unless" in (ROOT / "docs/adr/0002-accept-grace.md").read_text("utf-8")


# --- the reader itself ----------------------------------------------------------------------------------


def block(language: str, text: str, title: str = "", not_run: str = "") -> Block:
    return Block(ROOT / "README.md", 1, language, title, text, not_run)


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("bash", "ls", "language 'bash'"),
        ("console", "$ rm -r x", "no command that the tests can run"),
        ("console", "$ qnos --version\nqnos, version 7", "prints\nqnos, version 0"),
        ("console", "no command", "begins with a command"),
        ("console", "$ qnos run teleport > file\n...", "is no use of qnos"),
        ("python", "assert 1 == 2, 'no'", "no"),
    ],
)
def test_reader_notices_what_is_wrong(reader: Reader, language: str, text: str, reason: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(reason)):
        reader.follow(block(language, text))


def test_reader_notices_output_that_differs_from_what_is_shown(reader: Reader) -> None:
    reader.follow(block("python", "print('a')"))
    reader.follow(block("text", "a\n", "prints"))
    with pytest.raises(AssertionError, match="prints"):
        reader.follow(block("text", "b\n", "prints"))


def test_reader_leaves_out_only_what_says_why(reader: Reader) -> None:
    reader.follow(block("python", "assert 1 == 2", not_run="it is wrong"))
    page = reader.directory / "page.md"
    page.write_text('<!-- not run: why -->\n```python title="x.py"\n1\n```\n\n```yaml\na: 1\n```\n')
    assert [(found.not_run, found.title) for found in blocks(page)] == [("why", "x.py"), ("", "")]


def test_dots_stand_for_any_lines_and_numbers_that_vary_are_not_compared() -> None:
    assert agrees(["a", "...", "d"], ["a", "b", "c", "d"])
    assert agrees(["a", "...", "b"], ["a", "b"])
    assert not agrees(["a", "...", "d"], ["a", "b", "c"])
    assert agrees(["speed    1,234 shots per second"], ["speed    99 shots per second  "])
    assert not agrees(["mean 0.5"], ["mean 0.6"])
    assert agrees(["a,0.9107096166198821,b"], ["a,0.9107096166198823,b"])
    assert not agrees(["a,0.9107096166198821,b"], ["a,0.9107096266198821,b"])


def test_commands_of_a_block_are_told_from_what_they_print() -> None:
    found = commands(block("console", "$ a b\nx\ny\n$ c\n"))
    assert [(command.text, command.shown) for command in found] == [("a b", ["x", "y"]), ("c", [])]
    assert "console" in LANGUAGES


def test_links_of_documents_at_the_top_are_turned_to_pages_of_the_site() -> None:
    turn = tool("site_hook").site_text
    assert turn("[a](docs/how-to/sweep.md#x)", "README.md") == "[a](how-to/sweep.md#x)"
    assert turn("[a](README.md)", "CAVEATS.md") == "[a](index.md)"
    assert turn("[a](../adr/1.md)", "docs/how-to/x.md") == "[a](../adr/1.md)"
    assert turn("[apps](apps) [web](https://a.b/c)", "README.md") == "apps [web](https://a.b/c)"
