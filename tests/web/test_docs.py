"""What docs/web.md shows is run: the line for the shell, and the client of twenty lines."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from docs_pages import ROOT, blocks
from serving import Served, photo

PAGE = ROOT / "docs/web.md"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "holiday.jpg").write_bytes(photo(form="JPEG"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_curl_line_runs(desk: Path, service: Served) -> None:
    line = next(block.code for block in blocks(PAGE) if block.code.startswith("curl "))
    words = shlex.split(line.replace("http://127.0.0.1:8000", service.address))
    told = subprocess.run([*words, "--silent"], capture_output=True, check=True).stdout
    assert json.loads(told)["status"] == "ok"


def test_the_python_client_runs_and_has_twenty_lines(
    desk: Path, service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    code = next(block.code for block in blocks(PAGE) if block.language == "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 21
    names: dict[str, object] = {}
    exec(code.replace("http://127.0.0.1:8000", service.address), names)
    assert "'mouth'" in capsys.readouterr().out
    (desk / "holiday.jpg").write_bytes(b"text")
    with pytest.raises(ValueError, match="is no image"):
        exec(code.replace("http://127.0.0.1:8000", service.address), names)


def test_every_code_of_a_refusal_stands_in_the_page() -> None:
    told = PAGE.read_text("utf-8")
    source = "".join(
        path.read_text("utf-8") for path in (ROOT / "src/latent_ofer/web").glob("*.py")
    )
    codes = set(re.findall(r'RefusedError\(\s*\d+,\s*"(\w+)"', source))
    assert len(codes) > 8
    assert {code for code in codes if f"`{code}`" not in told} <= {
        "no_path",
        "no_method",
        "internal",
    }
