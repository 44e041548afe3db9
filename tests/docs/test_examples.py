"""Every Python example of README and the documentation is run, or says why not.

The examples of a page run in order and share their names, as a reader would type them, in a folder
where the files that they name lie. One that cannot be run has ``<!-- not run: why -->`` above it.
"""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import layouts_a
from docs_pages import PAGES, ROOT, blocks, name_of
from latent_ofer.cli.main import app

PORTRAIT = ROOT / "src/latent_ofer/assets/portrait.jpg"
WITH_EXAMPLES = [
    page for page in PAGES if any(block.language == "python" for block in blocks(page))
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the examples name, made by the package's own commands."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "photos").mkdir()
    for name in ("holiday.jpg", "a.jpg", "photos/one.jpg"):
        shutil.copyfile(PORTRAIT, folder / name)
    (folder / "photos/torn.jpg").write_bytes(PORTRAIT.read_bytes()[:9000])
    with Image.open(PORTRAIT) as portrait:
        portrait.save(folder / "b.png")
        crops = folder / "crops/happiness"
        crops.mkdir(parents=True)
        portrait.resize((112, 112)).save(crops / "one.png")
    layouts_a.write_rafdb(folder / "data/RAF-DB", 2, 2)
    _run("predict", folder / "photos", "--output", folder / "out", code=1)
    _run(
        *("synthesize", "folder", folder / "crops", "-o", folder / "syn-ferplus"),
        *("--split", "test", "--protocol", "procedural", "--runs", folder / "runs"),
    )
    return folder


def _run(*words: object, code: int = 0) -> None:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == code, result.output


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name_of)
def test_the_examples_of_a_page_run(
    page: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk)
    monkeypatch.setenv("HOME", str(desk))
    names: dict[str, object] = {"__name__": "example"}
    for block in blocks(page):
        if block.language == "python" and block.not_run is None:
            # Empty lines in front let a traceback name the line of the page.
            exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), names)


def test_examples_are_found_where_they_are_expected() -> None:
    found = {name_of(page) for page in WITH_EXAMPLES}
    assert {"README.md", "docs/guide/python.md", "docs/datasets.md", "docs/synthesis.md"} <= found
    spellings = {block.language for page in PAGES for block in blocks(page)}
    assert not spellings & {"py", "python3", "pycon", "Python"}, "write ```python"


def test_an_example_that_is_not_run_says_why() -> None:
    silent = [
        f"{name_of(page)}:{block.line}"
        for page in PAGES
        for block in blocks(page)
        if block.not_run == ""
    ]
    assert not silent
