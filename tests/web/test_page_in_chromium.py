"""The page in a real browser: what people do with it, what goes wrong, who cannot see or point."""

import base64
import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from browser import Watched, opened
from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from serving import TOKEN, Served, photo, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}
LANDMARKS = drawn_face()[1]
FIRST = ".photo button:nth-of-type(1)"
SECOND = ".photo button:nth-of-type(2)"


def two_faces(form: str = "PNG") -> bytes:
    """The second one has a hidden mouth."""
    left, right = drawn_face(seed=1)[0], drawn_face(seed=2)[0]
    stream = io.BytesIO()
    both = np.hstack([left, hide(right, slice(9, 12), slice(4, 10))])
    Image.fromarray(both).save(stream, form)
    return stream.getvalue()


@pytest.fixture(scope="module")
def couple() -> Iterator[Served]:
    model, _ = fake_model(FakeFinder([LANDMARKS, LANDMARKS + (112, 0)]))
    with served(model) as running:
        yield running


@pytest.fixture
def watched(browser: "Browser", couple: Served) -> Iterator[Watched]:
    with opened(browser, couple.address, color_scheme="light") as watched:
        yield watched
        assert watched.said == []
        allowed = (couple.address, "blob:", "data:image/")
        assert [url for url in watched.asked if not url.startswith(allowed)] == []


@pytest.fixture
def page(watched: Watched) -> "Page":
    return watched.page


def drop(page: "Page", *files: tuple[str, bytes | None]) -> None:
    """Drop files; None stands for one byte more than 20 MiB."""
    told = [[name, base64.b64encode(data).decode() if data else None] for name, data in files]
    script = """told => {
      const transfer = new DataTransfer();
      for (const [name, data] of told.files) {
        const bytes = data ? Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
          : new Uint8Array(20 * 2 ** 20 + 1);
        transfer.items.add(new File([bytes], name));
      }
      for (const kind of ["dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, {...told.options, dataTransfer: transfer}));
    }"""
    page.evaluate(script, {"files": told, "options": {"bubbles": True, "cancelable": True}})


def title(page: "Page") -> str:
    return page.locator("#face-title").inner_text()


def settled(page: "Page") -> None:
    page.wait_for_selector("#stages canvas")
    page.locator("#status", has_text="read,").wait_for()  # its policy forbids wait_for_function


def test_a_dropped_photo_shows_its_faces_and_what_hides_them(page: "Page") -> None:
    drop(page, ("two.png", two_faces()))
    settled(page)
    assert "Nothing leaves this machine" in page.locator("header").inner_text()
    assert title(page) == "Face 1 of two.png"
    assert page.locator("#status").inner_text() == "1 photo read, 2 faces found."
    assert "Nothing is found to be hidden" in page.locator("#summary").inner_text()
    page.click(SECOND)
    assert title(page) == "Face 2 of two.png"
    assert "Hidden: 9 % of the face; mouth" in page.locator("#summary").inner_text()
    paths = page.locator(".photo svg path")
    assert [paths.nth(place).get_attribute("d").count("Z") for place in (0, 1)] == [0, 18]
    assert page.locator("#stages canvas").count() == 5
    assert page.locator("#probabilities tbody tr").count() == 8


def test_hidden_parts_lie_where_the_package_draws_them(page: "Page") -> None:
    from latent_ofer.overlay import patch_corners

    drop(page, ("two.png", two_faces()))
    settled(page)
    drawn = page.locator(".photo svg path").nth(1).get_attribute("d")
    assert drawn is not None
    first = np.array(drawn.split("L")[0].removeprefix("M").split(), dtype=float)
    model, _ = fake_model(FakeFinder([LANDMARKS + (112, 0)]))
    face = model.predict(two_faces())[0]
    assert np.abs(first - patch_corners(face, (224, 112))[9, 4]).max() < 0.1


def test_the_slider_moves_between_face_and_repaired_face(page: "Page") -> None:
    drop(page, ("two.png", two_faces()))
    settled(page)
    page.click(SECOND)
    clip = "getComputedStyle(document.querySelector('#after-image')).clipPath"
    assert page.evaluate(clip) == "inset(0px 0px 0px 50%)"
    page.focus("#slider")
    page.keyboard.press("Home")
    assert page.evaluate(clip) == "inset(0px 0px 0px 0%)"
    assert page.get_attribute("#slider", "aria-valuetext") == "0 % as it came, 100 % repaired"
    box = page.locator("#compare").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + 20)
    assert page.input_value("#slider") == "80"
    page.check("#show-heat")
    assert page.locator("#heat").is_visible()
    assert "slider=80" in page.url and "map=1" in page.url


def test_what_an_uncertain_answer_would_be_is_shown(page: "Page") -> None:
    drop(page, ("a.png", two_faces()))
    settled(page)
    page.locator("#below").fill("100")
    assert "the answer is uncertain" in page.locator("#uncertain").inner_text()
    page.locator("#below").fill("0")
    assert "stays" in page.locator("#uncertain").inner_text()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("broken.png", photo()[:3000], "get a complete copy"),
        ("notes.txt", b"notes", "is no image"),
        ("huge.png", None, "send a smaller one"),
        ("film.mp4", b"no film", "cannot play it"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_with_what_to_do(
    name: str, data: bytes, words: str, browser: "Browser", couple: Served
) -> None:
    with opened(browser, couple.address) as watched:
        drop(watched.page, (name, data))
        problem = watched.page.locator(".problem")
        problem.wait_for()
        text = problem.locator("span").inner_text()
        assert text.startswith(f"{name}: ") and words in text and text.endswith(".")
        problem.get_by_role("button").click()
        assert watched.page.locator(".problem").count() == 0
        # Chromium says by itself that an answer was no success; nothing else may be said.
        assert all("Failed to load resource" in line for line in watched.said)


def test_a_service_that_is_gone_is_said(browser: "Browser") -> None:
    with served() as running, opened(browser, running.address) as watched:
        watched.page.context.set_offline(True)
        drop(watched.page, ("a.png", photo()))
        watched.page.locator(".problem").wait_for()
        assert "is it still running?" in watched.page.locator(".problem").inner_text()
        watched.page.context.set_offline(False)
        drop(watched.page, ("a.png", photo()))
        settled(watched.page)


def test_photos_are_a_gallery_with_filters_and_a_table(page: "Page") -> None:
    drop(page, *((f"{seed}.png", two_faces()) for seed in range(2)), ("<b>=1+1.png", two_faces()))
    page.locator("#gallery li").nth(2).wait_for()
    assert page.locator("#table tbody tr").count() == 6
    page.select_option("#only-hidden", "0.05")
    assert page.locator("#table tbody tr").count() == 3
    assert page.locator("#filtered").inner_text() == "3 of 3 photos have such a face."
    page.select_option("#only-hidden", "0.4")
    assert page.locator("#gallery li").count() == 0
    page.select_option("#only-hidden", "0")
    page.locator("#table tbody tr").nth(5).get_by_role("button").click()
    assert title(page) == "Face 2 of <b>=1+1.png"
    page.click("#clear")
    assert not page.locator("#photos").is_visible()


def saved(page: "Page", button: str) -> bytes:
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path()).read_bytes()


def test_figure_table_and_json_can_be_saved_and_formulas_are_text(page: "Page") -> None:
    drop(page, ('=HYPERLINK("x").png', two_faces()))
    settled(page)
    rows = list(csv.DictReader(io.StringIO(saved(page, "#save-csv").decode(), newline="")))
    model, _ = fake_model(FakeFinder([LANDMARKS, LANDMARKS + (112, 0)]))
    faces = model.predict(two_faces())
    assert [row["file"] for row in rows] == ['\'=HYPERLINK("x").png'] * 2
    from latent_ofer.dataframe import flat_rows

    for row, expected in zip(rows, flat_rows(faces), strict=True):
        for name, value in expected.items():
            wanted = value if isinstance(value, str) else pytest.approx(value, abs=0.01)
            assert (row[name] if isinstance(value, str) else float(row[name])) == wanted, name
    told = json.loads(saved(page, "#save-json"))
    assert [face["expression"] for face in told["photos"][0]["faces"]] == [
        face.expression for face in faces
    ]
    with Image.open(io.BytesIO(saved(page, "#save-figure"))) as figure:
        assert figure.width == 1600


def test_everything_can_be_done_by_the_keyboard(page: "Page") -> None:
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "covered"
    page.keyboard.press("Enter")
    settled(page)
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.ariaLabel"))
    assert {"slider", "show-heat", "strength", "below", "save-csv", "next"} <= seen
    page.focus("#next")
    page.keyboard.press("Enter")
    assert title(page).startswith("Face 2 of portrait")


def test_a_picture_is_pasted(page: "Page") -> None:
    script = """data => {
      const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
      const clipboardData = new DataTransfer();
      clipboardData.items.add(new File([bytes], "image.png", {type: "image/png"}));
      document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true}));
    }"""
    page.evaluate(script, base64.b64encode(two_faces()).decode())
    settled(page)
    assert title(page) == "Face 1 of image.png"


def test_what_the_browser_cannot_show_the_service_shows(page: "Page") -> None:
    drop(page, ("two.tif", two_faces("TIFF")))
    settled(page)
    page.locator(".photo img[src^='data:image/webp']").wait_for()


def test_an_address_leads_to_the_same_sight(browser: "Browser", couple: Served) -> None:
    where = f"{couple.address}/#sample=covered&face=2&slider=20&below=90"
    with opened(browser, where) as watched:
        settled(watched.page)
        assert title(watched.page) == "Face 2 of portrait with a cup"
        assert watched.page.input_value("#slider") == "20"
        assert watched.said == []


def test_a_short_video_becomes_frames(page: "Page") -> None:
    script = """async () => {
      const canvas = Object.assign(document.createElement("canvas"), {width: 64, height: 64});
      const context = canvas.getContext("2d");
      const recorder = new MediaRecorder(canvas.captureStream(20), {mimeType: "video/webm"});
      const parts = [];
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.start();
      for (let place = 0; place < 16; place++) {
        context.fillStyle = `rgb(${place * 15}, 90, 40)`;
        context.fillRect(0, 0, 64, 20 + place);
        await new Promise((done) => setTimeout(done, 50));
      }
      await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
      const transfer = new DataTransfer();
      transfer.items.add(new File(parts, "film.webm", {type: "video/webm"}));
      document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer}));
    }"""
    page.evaluate(script)
    page.locator("#gallery li").nth(1).wait_for()
    assert "film.webm at 0.5 s" in page.locator("#gallery").inner_text()


def test_the_camera_takes_a_picture_and_a_closed_one_takes_none(
    browser: "Browser", couple: Served
) -> None:
    with opened(browser, couple.address, permissions=["camera"]) as watched:
        watched.page.click("#camera")
        watched.page.click("#close-camera")
        watched.page.click("#camera")
        watched.page.wait_for_timeout(500)  # for the first picture of the device
        watched.page.click("#shoot")
        settled(watched.page)
        assert title(watched.page) == "Face 1 of camera"
        assert watched.page.locator("#gallery li").count() == 1


def test_a_camera_that_may_not_be_used_is_said(browser: "Browser", couple: Served) -> None:
    with opened(browser, couple.address) as watched:
        watched.page.click("#camera")
        problem = watched.page.locator(".problem")
        problem.wait_for()
        assert "allow it in the settings" in problem.inner_text()


def test_a_token_is_asked_for_where_everybody_needs_one(browser: "Browser") -> None:
    with served(free=False) as running, opened(browser, running.address) as watched:
        drop(watched.page, ("a.png", photo()))
        watched.page.locator(".problem").wait_for()
        assert "type it above" in watched.page.locator(".problem").inner_text()
        watched.page.fill("#token", TOKEN)
        drop(watched.page, ("a.png", photo()))
        settled(watched.page)


@pytest.mark.parametrize(
    ("scheme", "device"), [("light", {}), ("dark", PHONE)], ids=["desktop", "phone"]
)
def test_no_barrier_is_found_and_nothing_sticks_out(
    scheme: str, device: dict[str, Any], browser: "Browser", couple: Served
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    more: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce", **device}
    with opened(browser, couple.address, **more) as watched:
        drop(watched.page, ("a.png", two_faces()), ("b.png", two_faces()))
        settled(watched.page)
        width = watched.page.evaluate("document.documentElement.scrollWidth")
        assert width <= watched.page.evaluate("innerWidth")
        found = Axe().run(watched.page)
        assert not found.response["violations"], found.generate_report()
