"""The page of a report as a text: whole, closed to the outside, and safe against what is in it."""

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path
from typing import Any

from latent_ofer.report.page import build_page, page_data, shown_text
from latent_ofer.report.rows import read_table
from result_rows import HOSTILE, face_result, row, write_rows

ABOUT = {"title": "</script><b>out", "made": "today", "version": "1"}


class Page(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style") and data.strip():
            self.inside.append(data)


def page_of(folder: Path) -> str:
    faces = [
        row(name, face_result(0, [0.1, 0.9], hidden=True), figure="javascript:alert(1)")
        for name in HOSTILE
    ]
    error = {"code": "corrupt", "message": "</script><script>alert(2)"}
    write_rows(folder, [*faces, {"path": HOSTILE[0], "status": "error", "error": error}])
    return build_page(read_table(folder), {0: b"webp", 1: "gone"}, ABOUT)


def test_whatever_stands_in_the_results_stays_data(tmp_path: Path) -> None:
    text = page_of(tmp_path)
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 2
    assert not {"b", "img"} & {tag for tag, _ in page.elements[60:]}
    _, block, _ = page.inside
    data: dict[str, Any] = json.loads(block)
    assert data["files"][0] == HOSTILE[0]
    assert data["files"][1] == "line\\nbreak \\u202egpj.exe"
    assert data["files"][3] == HOSTILE[3]
    assert data["files"][4] == "caf\\xe9.png"
    assert data["errors"] == [[0, "corrupt", "</script><script>alert(2)"]]
    assert data["details"]["0"]["figure"] is None
    assert not set("<>&") & set(block)
    text.encode()


def test_the_policy_allows_the_very_script_and_style_and_nothing_from_outside(
    tmp_path: Path,
) -> None:
    text = page_of(tmp_path)
    page = Page(text)
    style, _, script = page.inside
    metas = [attrs for tag, attrs in page.elements if tag == "meta"]
    policy = next(a["content"] for a in metas if a.get("http-equiv") == "Content-Security-Policy")
    for kind, inside in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert metas.index(next(a for a in metas if "http-equiv" in a)) == 1  # after the charset alone
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert "innerHTML" not in script and "eval" not in script
    assert not [a for _, a in page.elements if {"style", "src", "srcset"} & set(a)]


def test_the_page_says_what_an_apparent_expression_is_not(tmp_path: Path) -> None:
    assert "An apparent expression is not an emotion" in page_of(tmp_path)


def test_the_data_are_those_of_the_rows(tmp_path: Path) -> None:
    face = face_result(1, [0.25, 0.0, 0.75], hidden=True)
    write_rows(
        tmp_path,
        [
            row("v.mp4", face, frame=5, time=0.2, track=3, figure="figures/00000-0.png"),
            row("v.mp4", face, frame=6, time=0.24, track=3),
            *({"path": "v.mp4", "status": "no_face", "faces": 0} for _ in range(2)),
        ],
    )
    data = page_data(read_table(tmp_path), {0: b"picture"}, ABOUT)
    assert data["images"] == 4
    assert data["empty"] == [(0, 2)]
    assert data["faces"]["expression"] == [2, 2]
    assert data["faces"]["confidence"] == [750, 750]
    assert data["faces"]["time"] == [0.2, 0.24]
    (detail,) = data["details"].values()
    assert detail["after"] == [250, 0, 750, 0, 0, 0, 0, 0]
    assert detail["figure"] == "figures/00000-0.png"
    assert base64.b64decode(detail["picture"]) == b"picture"
    bits = bin(int("1" + detail["mask"], 16))[3:]
    assert [bit == "1" for bit in bits] == face.occlusion.mask.ravel().tolist()


def test_every_letter_of_a_name_is_seen() -> None:
    assert shown_text("a b\u00e9\U0001f600") == "a b\u00e9\U0001f600"
    assert shown_text("\n\x1b\u202e\ud800") == "\\n\\x1b\\u202e\\ud800"
