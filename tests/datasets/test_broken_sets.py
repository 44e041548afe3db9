"""`data check` on every layout of every set, whole, and with broken pictures or people."""

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from broken_sets import cannot_open, counts, expect, opened, report_on
from whole_sets import LAYOUTS, noise, pictures, pixels_of


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_whole_set_has_no_problem(name: str, whole: Callable[[str], Path]) -> None:
    report = report_on(name, whole(name), decode=True)
    assert report.problems == []
    assert report.name == LAYOUTS[name].name
    assert report.copies is not None
    assert report.copies.exact == 0


@pytest.mark.parametrize("name", [name for name in LAYOUTS if not LAYOUTS[name].table])
def test_a_zip_archive_counts_as_its_folder_does(
    name: str, whole: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = whole(name)
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "zip", folder))
    report = report_on(name, archive)
    assert report.problems == []
    assert counts(report) == counts(report_on(name, folder))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_wrong_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    (folder / "photos").mkdir(parents=True)
    (folder / "notes.md").write_text("nothing of the kind\n")
    Image.fromarray(noise(0)).save(folder / "photos" / "holiday.jpg")
    cannot_open(name, folder)


def put_pixels(folder: Path, row: int, pixels: str) -> None:
    path = folder / "fer2013.csv"
    lines = path.read_text().splitlines()
    code, _, usage = lines[row + 1].split(",")
    lines[row + 1] = f"{code},{pixels},{usage}"
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_unreadable_picture(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    before = counts(report_on(name, folder))
    path = opened(LAYOUTS[name], folder).samples[0].path
    if "#" in path:
        put_pixels(folder, int(path.partition("#")[2]), "1 2 3")
    else:
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(data[: len(data) // 2])
    report = report_on(name, folder, decode=True)
    expect(report, "unreadable_image", path)
    assert counts(report) == before


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_same_picture_twice(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    samples = opened(LAYOUTS[name], folder).samples
    first = samples[0]
    other = next((s for s in samples if s.split != first.split), samples[-1])
    if "#" in first.path:
        rows = [int(sample.path.partition("#")[2]) for sample in (first, other)]
        put_pixels(folder, rows[1], pixels_of(rows[0]))
    else:
        shutil.copy(folder / first.path, folder / other.path)
    report = report_on(name, folder, decode=True)
    faces = sum(sample.path == first.path for sample in samples)
    expect(report, "duplicate", first.path, faces)
    assert other.path in report.problems[0].message
    assert report.copies is not None
    assert report.copies.exact_across == faces * (first.split != other.split)


@pytest.mark.parametrize("name", LAYOUTS)
def test_mixed_case_counts_the_same(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    before = counts(report_on(name, folder))
    if LAYOUTS[name].table:
        path = folder / LAYOUTS[name].table
        header, *lines = path.read_text().splitlines()
        path.write_text("\n".join([header.upper(), *map(swap_label, lines)]) + "\n")
    else:
        deepest_first = sorted(folder.rglob("*"), key=lambda path: -len(path.parts))
        for path in deepest_first:
            path.rename(path.with_name(path.name.swapcase()))
    report = report_on(name, folder)
    assert report.problems == []
    assert counts(report) == before


def swap_label(line: str) -> str:
    path, label, split, subject = line.split(",")
    return ",".join([path, label.title(), split.upper(), subject])


@pytest.mark.parametrize("name", ["kdef", "jaffe", "ck+", "ck+ folders"])
def test_a_person_in_the_folders_of_two_splits(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    home = folder / "cohn-kanade-images" if name == "ck+" else folder
    for number, path in enumerate(pictures(folder)):
        target = home / ("test" if number % 2 else "train") / path.relative_to(home)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    report = report_on(name, folder)
    people = {sample.subject for sample in opened(LAYOUTS[name], folder).samples}
    expect(report, "subject_in_two_splits", pictures(folder)[0].name, len(people))


@pytest.mark.parametrize("name", ["table", "table of digits", "faces"])
def test_a_person_in_two_splits_of_a_table(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    if name == "faces":
        path = folder / "index.csv"
        path.write_text(path.read_text().replace(",p9,", ",p0,"))
    else:
        path = folder / "faces.csv"
        path.write_text(path.read_text().replace("test-person", "train-person"))
    expect(report_on(name, folder), "subject_in_two_splits", pictures(folder)[0].name)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if not LAYOUTS[name].table])
def test_a_zip_archive_cut_short(name: str, whole: Callable[[str], Path], tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "set"), "zip", whole(name)))
    assert zipfile.is_zipfile(archive)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size * 2 // 3])
    assert "cut short" in cannot_open(name, archive)
