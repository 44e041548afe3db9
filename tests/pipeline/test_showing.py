"""How results show themselves: as figures of matplotlib and as pieces of HTML."""

import base64
import dataclasses
import html.parser
import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fakes import fake_model, hide
from helpers import drawn_face
from latent_ofer.results import FaceResult, Faces

FACE, _ = drawn_face()


def result(hidden: bool = True, labels: int = 8) -> FaceResult:
    photo = hide(FACE, slice(8, 12), slice(3, 9)) if hidden else FACE
    (face,) = fake_model()[0].predict(photo, crops=True, labels=labels)
    return face


@pytest.mark.parametrize(("hidden", "labels"), [(True, 8), (False, 7)])
def test_the_figure_shows_every_stage_in_pixels_and_in_print(hidden: bool, labels: int) -> None:
    face = result(hidden, labels)
    figure = face.plot()
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title[:1] for title in titles] == list("123456")
    assert face.expression in figure.get_suptitle()
    shown = {text.get_text() for axes in figure.axes for text in axes.get_yticklabels()}
    assert shown >= {*face.probabilities, "left eye", "mouth"}
    widths = [bar.get_width() / 100 for bar in figure.axes[4].patches]
    expected = [*face.before.probabilities.values(), *face.probabilities.values()]
    assert widths == pytest.approx(expected)
    with Image.open(io.BytesIO(figure._repr_png_())) as picture:
        assert picture.size == (1100, 682)
    stream = io.BytesIO()
    figure.savefig(stream, format="pdf")
    assert stream.getvalue().startswith(b"%PDF")


def test_hidden_patches_are_blank_in_the_masked_face() -> None:
    face = result()
    masked = np.asarray(result().plot().axes[2].images[0].get_array())
    blank = (masked == (226, 229, 234)).all(axis=2).reshape(14, 8, 14, 8).all(axis=(1, 3))
    np.testing.assert_array_equal(blank, face.occlusion.mask)


def test_a_figure_brings_no_pyplot_and_results_no_matplotlib() -> None:
    code = (
        "import sys, latent_ofer.results; assert 'matplotlib' not in sys.modules\n"
        "import latent_ofer.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.axes", None)
    monkeypatch.delitem(sys.modules, "latent_ofer.plots", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'latent-ofer\[plot\]'"):
        result().plot()


class Elements(html.parser.HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_result_in_a_notebook_is_small_and_holds_all_that_it_shows() -> None:
    face = result()
    text = face._repr_html_()
    assert len(text) < 40_000
    elements = Elements(text)
    assert not elements.open
    pictures = [attrs["src"] or "" for tag, attrs in elements.found if tag == "img"]
    assert len(pictures) == 2
    for source in pictures:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
        assert Image.open(io.BytesIO(data)).size == (168, 168)
    assert not re.search(r"https?:|//|<script|url\(", re.sub(r'src="[^"]*"', "", text))
    assert sum(f">{label}</td>" in text for label in face.probabilities) == 8


def test_names_that_are_code_or_no_text_do_no_harm_in_a_notebook() -> None:
    odd = dataclasses.replace(result(), expression="<b onload=x>")
    faces = Faces([odd] * 14, path="<script>alert('&')</script>\udcff\n.jpg")
    text = faces._repr_html_()
    text.encode()
    assert "<script" not in text and "<b onload" not in text
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;\\xff" in text
    assert "14 faces in" in text and "and 2 more" in text
    assert not Elements(text).open
    assert "no face" in Faces()._repr_html_()
