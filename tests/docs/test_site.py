"""The documentation as a site: built strictly, whole, and without anything from outside."""

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import latent_ofer
from docs_pages import ROOT

FETCHING = ("src", "srcset", "poster", "data", "action", "background", "xlink:href")
"""Attributes by which a browser fetches something without being asked to."""


class Element(html.parser.HTMLParser):
    """Collects the elements of a page as (tag, attributes)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    found = site.rglob("*.html")
    return {path.relative_to(site).as_posix(): path.read_text("utf-8") for path in found}


def test_no_page_fetches_anything_from_outside(pages: dict[str, str]) -> None:
    outside = [
        (page, tag, value)
        for page, text in pages.items()
        for tag, attributes in Element(text).found
        for name, value in attributes.items()
        if name in FETCHING or (name == "href" and tag != "a")
        if re.match(r"\s*(https?:)?//", value)
    ]
    assert len(pages) > 20
    assert not outside


def test_no_style_fetches_anything_from_outside(site: Path, pages: dict[str, str]) -> None:
    styles = {path.name: path.read_text("utf-8") for path in site.rglob("*.css")}
    fetching = re.compile(r"""(url\(|@import)\s*['"]?\s*(https?:)?//""")
    assert styles
    assert not [name for name, text in {**styles, **pages}.items() if fetching.search(text)]


def test_browsers_are_told_to_fetch_nothing_from_outside(pages: dict[str, str]) -> None:
    """What a script of the theme might ask for, no grep can tell."""
    for page, text in pages.items():
        first = next(
            attributes for tag, attributes in Element(text).found if tag not in ("html", "head")
        )
        assert first.get("http-equiv") == "Content-Security-Policy", page
        assert first["content"].startswith("default-src 'self'"), page
        assert not re.search(r"http|\*|//", first["content"]), page


def test_every_link_within_the_site_leads_somewhere(site: Path, pages: dict[str, str]) -> None:
    dead = []
    for page, text in pages.items():
        for _, attributes in Element(text).found:
            for link in (attributes.get("href"), attributes.get("src")):
                parts = urlsplit(link or "")
                if parts.scheme or parts.netloc or not parts.path:
                    continue
                start = site if parts.path.startswith("/") else (site / page).parent
                target = start / unquote(parts.path).lstrip("/")
                # The link of the logo is the folder of the home page.
                if not target.is_file() and not (target / "index.html").is_file():
                    dead.append((page, link))
    assert not dead


def test_equations_are_mathml(pages: dict[str, str]) -> None:
    stages = {page: text for page, text in pages.items() if page.startswith("stages/")}
    assert len(stages) == 5
    for page, text in stages.items():
        assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in text, page
        assert not re.search(r"\\[a-zA-Z(\[]|\$|<merror|arithmatex", _article(text)), page


def _article(text: str) -> str:
    return text.partition("<article")[2].partition("</article>")[0]


def test_every_public_name_is_in_the_reference(pages: dict[str, str]) -> None:
    reference = "".join(text for page, text in pages.items() if page.startswith("reference/"))
    public = set(latent_ofer.__all__) - {"__version__"}
    missing = {name for name in public if not re.search(rf'id="[\w.]+\.{name}"', reference)}
    assert not missing
