"""A report in a real browser: it opens, says nothing, fetches nothing, and can be used."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser import Watched, opened
from latent_ofer.report.build import write_report
from result_rows import HOSTILE, face_result, row, write_photo, write_rows

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 photos with hostile names, 40 frames of two tracks, errors, images without a face."""
    folder = tmp_path_factory.mktemp("results")
    sad, happy = (
        [face_result(seed, shares, hidden) for seed in range(2)]
        for shares, hidden in (([0.4, 0, 0, 0.6], True), ([0.05, 0.95], False))
    )
    rows: list[dict[str, Any]] = []
    for place in range(30):
        name = HOSTILE[place] if place < len(HOSTILE) else f"{place}.png"
        path = write_photo(folder / "photos" / name, place % 2)
        rows.append(row(str(path), (happy if place < 20 else sad)[place % 2]))
    for place in range(20):
        for track, faces in ((1, happy), (2, sad if place < 10 else happy)):
            more = {"frame": place, "time": place / 2, "track": track}
            rows.append(row("<i>film</i>.mp4", faces[0], **more))
    for one in rows[20:30]:
        one["occlusion"]["covers"] = [
            {"type": "cloth", "probability": 0.9, "share": 0.1, "hidden": True},
            {"type": "glasses", "probability": 0.8, "share": 0.1, "hidden": False},
        ]
    for code in ("corrupt", "corrupt", "truncated"):
        error = {"code": code, "message": "<b>damaged</b>; get a fresh copy."}
        rows.append({"path": HOSTILE[0], "status": "error", "error": error})
    rows.append({"path": "nobody.png", "status": "no_face", "faces": 0})
    write_rows(folder, rows)
    done = write_report(folder, None, 1000)
    assert (done.faces, done.pictures) == (70, 30)
    return done.path


@pytest.fixture
def watched(browser: "Browser", report: Path) -> Iterator[Watched]:
    with opened(browser, report, color_scheme="light") as watched:
        yield watched
        assert watched.said == []
        assert watched.asked[:1] == [report.as_uri()]
        assert all(url.startswith("data:image/webp;") for url in watched.asked[1:])


@pytest.fixture
def page(watched: Watched) -> "Page":
    return watched.page


def shown(page: "Page") -> str:
    return page.inner_text("#shown")


def test_it_opens_with_all_its_parts_and_no_name_becomes_code(page: "Page") -> None:
    tiles = page.locator("#summary div").all_inner_texts()
    found = {name: number for name, number in (tile.split("\n") for tile in tiles)}
    expected = {"images": "54", "faces": "70", "tracks": "2", "errors": "3"}
    assert found.items() >= expected.items()
    assert shown(page) == "70 of 70 faces shown."
    numbers = page.locator("#counts tr", has_text="sadness").locator("td").all_inner_texts()
    assert numbers[1:3] == ["20", "29\u00a0%"]
    assert page.locator("#hidden tbody tr").count() == 2
    assert page.locator(".lane").count() == 2
    assert page.locator("#lanes h3").inner_text() == "<i>film</i>.mp4"
    assert page.locator("#unsure .card").count() == 24
    broken = "[...document.images].filter(i => !i.complete || i.naturalWidth !== 112).length"
    assert page.evaluate(broken) == 0
    assert page.locator("script").count() == 2
    assert page.locator("section i:not(.dot), section b").count() == 0
    assert page.locator("#empty li").all_inner_texts() == ["nobody.png"]
    assert "sadness" in page.locator("#unsure .card").first.inner_text()


def test_filters_change_every_part(page: "Page") -> None:
    page.get_by_role("checkbox", name="sadness").uncheck()
    assert shown(page) == "50 of 70 faces shown."
    assert "happiness" in page.locator("#unsure .card").first.inner_text()
    assert page.locator("#most .card").count() == 0
    assert page.locator("#most").inner_text() == "No face is left by the filter."
    page.get_by_role("button", name="Show all").click()
    page.locator("[name=hidden-low]").fill("1")
    assert shown(page) == "20 of 70 faces shown."
    page.locator("[name=hidden-low]").fill("")
    page.locator("[name=confidence-high]").fill("90")
    assert shown(page) == "20 of 70 faces shown."
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("File name has").fill("FILM")
    assert shown(page) == "40 of 70 faces shown."
    page.get_by_label("File name has").fill("absent")
    assert shown(page) == "0 of 70 faces shown."
    assert page.locator(".lane").count() == 0


def test_errors_are_filtered_by_their_code(page: "Page") -> None:
    assert page.locator("#errors tbody tr").count() == 3
    page.get_by_label("Code").select_option("truncated")
    (line,) = page.locator("#errors tbody tr").all_inner_texts()
    assert "<b>damaged</b>" in line and HOSTILE[0] in line


def test_a_timeline_shows_what_a_track_looked_like_and_when(page: "Page") -> None:
    first, second = page.locator(".lane svg").all()
    assert first.get_attribute("aria-label") == "track 1, 0:00\u20130:09: happiness 100\u00a0%"
    titles = second.locator("title").all_text_contents()
    assert [title.partition(",")[0] for title in titles] == ["sadness", "happiness"]
    widths = [float(bar.get_attribute("width")) for bar in second.locator("rect").all()]
    assert widths[0] == pytest.approx(526, abs=3)  # 5 s of 9.5 s, in thousandths


def test_the_keyboard_is_enough(page: "Page") -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    card = page.locator("#unsure .card").first
    card.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    assert dialog.is_visible()
    text = dialog.inner_text()
    assert (
        "60\u00a0%" in text
        and "mouth" in text
        and "What hides it: cloth, 90\u00a0% sure." in text
        and ".png, face 1 from the left" in text
    )
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert card.evaluate("card => card === document.activeElement")
    more = page.locator("#unsure + .more")
    more.focus()
    page.keyboard.press("Enter")
    assert page.locator("#unsure .card").count() == 48
    assert page.locator("#unsure .card").nth(24).evaluate("card => card === document.activeElement")


def test_hidden_patches_can_be_taken_off_the_faces(page: "Page") -> None:
    patches = page.locator("#unsure .face svg").first
    assert patches.is_visible()
    page.get_by_label("show what is hidden").uncheck()
    assert not patches.is_visible()


def test_a_phone_and_the_dark_have_a_page_of_their_own(
    browser: "Browser", report: Path, page: "Page"
) -> None:
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with opened(browser, report, color_scheme="dark", **PHONE) as phone:
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 360
        dark = phone.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (light, dark) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")
        phone.page.locator(".card").first.tap()
        box = phone.page.get_by_role("dialog").bounding_box()
        assert box is not None and box["width"] <= 360 and box["x"] >= 0
        assert phone.said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_would_keep_anybody_out(
    browser: "Browser", report: Path, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(browser, report, color_scheme=scheme, bypass_csp=True) as watched:
        if scheme == "dark":  # and with the details of a face over the page
            watched.page.locator("#unsure .card").first.click()
        found = Axe().run(watched.page)
        assert not found.response["violations"], found.generate_report()


def test_the_policy_stops_what_comes_from_outside(browser: "Browser", report: Path) -> None:
    with opened(browser, report) as watched:
        watched.page.evaluate(
            """() => new Promise(stopped => {
              document.addEventListener("securitypolicyviolation", stopped, { once: true });
              document.body.append(Object.assign(new Image(), { src: "http://127.0.0.1:9/x" }));
            })"""
        )
        assert any("Content Security Policy" in line for line in watched.said)
        script = "document.createElement('script').textContent = 'window.ran = true'"
        with pytest.raises(Exception, match="TrustedScript"):
            watched.page.evaluate(script)
