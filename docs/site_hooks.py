"""What MkDocs does not do by itself, for `mkdocs.yml`: the root's pages, equations, a lock.

The Markdown files are written to be read on their own, side by side with the code; this makes the
same files a site, without a copy of any.
"""

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "project/readme.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "LICENSE-WEIGHTS.md": "project/license-weights.md",
    "LICENSE": "project/license.txt",
    "benchmarks/dev_sunglasses.txt": "project/dev_sunglasses.txt",
}
"""Files of the repository outside docs/, and their places in the site."""
FOLDERS = ("reports", "reports/evaluation")
"""Linked as folders: a list of what lies there stands for them."""

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")
EQUATION = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', flags=re.DOTALL)
LOCK = (
    '<meta http-equiv="Content-Security-Policy" '
    """content="default-src 'self' file: data: 'unsafe-inline'">"""
)
"""For the browser: whatever a page or script asks for, nothing is fetched from another place."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside docs/, and the lists of folders."""
    for name, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    for folder in FOLDERS:
        top = ROOT / "docs" / folder
        names = sorted(path.relative_to(top).as_posix() for path in top.rglob("*.*"))
        lines = [f"# {folder}", *(f"- [{name}]({name})" for name in names)]
        files.append(File.generated(config, f"{folder}/index.md", content="\n\n".join(lines)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Let links that are right in the repository be right in the site."""
    return LINK.sub(lambda found: site_link(found[1], page.file.src_uri), markdown)


def site_link(link: str, place: str) -> str:
    """A relative link on the page at `place` in the site, from where its file really lies."""
    homes = {place: name for name, place in OUTSIDE.items()}
    home = homes.get(place, f"docs/{place}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(home), link))
    if target not in OUTSIDE and not target.startswith("docs/"):
        return link
    found = OUTSIDE.get(target, target.removeprefix("docs/"))
    if link.endswith("/"):
        found += "/index.md"
    return posixpath.relpath(found, posixpath.dirname(place) or ".")


def on_page_content(content: str, **_: object) -> str:
    """Write equations as MathML, which browsers draw without any script."""
    return EQUATION.sub(_mathml, content)


def _mathml(found: re.Match[str]) -> str:
    latex = html.unescape(found[2]).strip()
    if found[1] == "span":
        return convert(latex)
    return f'<div class="equation">{convert(latex, display="block")}</div>'


def on_post_page(output: str, **_: object) -> str:
    """Lock each page against resources from outside."""
    return output.replace("<head>", f"<head>{LOCK}", 1)


def on_post_template(output_content: str, **_: object) -> str:
    """Lock the page for addresses that do not exist; the other templates are no pages."""
    return on_post_page(output_content)
