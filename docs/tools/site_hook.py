"""A hook of mkdocs: the documents at the top of the tree become pages of the site.

They are written for the top of the tree, where people meet them first; here their links are turned to where
the site has the same pages. `page_of` and `site_text` do that, `on_files` is what mkdocs calls.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CAVEATS.md": "caveats.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
_LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)#:]+)(?P<anchor>#[^)]*)?\)")


def page_of(path: str) -> str | None:
    """The page of the site that shows a file of the tree; None for a file that is no page."""
    if path in PAGES:
        return PAGES[path]
    return path.removeprefix("docs/") if path.startswith("docs/") and path.endswith(".md") else None


def site_text(text: str, path: str) -> str:
    """A document of the tree with the links of the site; a link to what is no page there is left as text."""
    here = page_of(path) or path

    def turned(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link["target"]))
        page = page_of(target)
        if page is None:
            return link["text"]
        relative = posixpath.relpath(page, posixpath.dirname(here) or ".")
        return f"[{link['text']}]({relative}{link['anchor'] or ''})"

    return _LINK.sub(turned, text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents at the top of the tree."""
    from mkdocs.structure.files import File

    for path, page in PAGES.items():
        text = site_text((ROOT / path).read_text("utf-8"), path)
        files.append(File.generated(config, page, content=text))
    return files
