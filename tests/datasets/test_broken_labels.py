"""`data check` on sets whose labels are missing, wrong, or written by another editor."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from broken_sets import cannot_open, counts, expect, is_one_sentence, opened, report_on
from whole_sets import LAYOUTS, noise, pictures, texts

WITH_LABEL_FILE = {
    "raf-db": "EmoLabel/list_patition_label.txt",
    "affectnet csv": "validation.csv",
    "affectnet csv without header": "validation.csv",
    "affectnet npy": "train_set/annotations/3_exp.npy",
    "ck+": "Emotion",
    "fer2013 csv": "fer2013.csv",
    "ferplus folders": "FER2013Valid/label.csv",
    "ferplus tables": "fer2013new.csv",
    "expw": "label.lst",
    "fed-ro list": "labels.txt",
    "table": "faces.csv",
    "table of digits": "faces.csv",
    "faces": "index.csv",
}
ONLY_LABEL_FILE = (
    "fer2013 csv",
    "ferplus tables",
    "expw",
    "fed-ro list",
    "table",
    "table of digits",
    "faces",
)
"""Without it there is nothing to tell the set by."""
WITH_TEXT = [name for name in WITH_LABEL_FILE if name != "affectnet npy"]
LABELS = {
    "raf-db": ("EmoLabel/list_patition_label.txt", r"(train_00001\.jpg )(\d)"),
    "affectnet csv": ("training.csv", r"(4\.5,)(\d+)"),
    "affectnet csv without header": ("training.csv", r"(4\.5,)(\d+)"),
    "ck+": ("Emotion/S005/001/S005_001_00000004_emotion.txt", r"(\s*)(\S+)"),
    "fer2013 csv": ("fer2013.csv", r"(Usage\n)(\d)"),
    "expw": ("label.lst", r"(44\.53 )(\d)"),
    "fed-ro list": ("labels.txt", r"(0\.jpg )(\w+)"),
    "table": ("faces.csv", r"(0\.png,)(\w+)"),
    "table of digits": ("faces.csv", r"(0\.png,)(\w+)"),
    "faces": ("index.csv", r"(train,)(\w+)"),
}
"""The file of labels, and its first label with what stands before it."""
WITH_CLASS_FOLDERS = {
    "raf-db folders": "train/{}",
    "raf-db folders from 0": "train/{}",
    "affectnet folders": "train/{}",
    "ck+ folders": "{}",
    "fer2013 folders": "train/{}",
    "sfew": "Train/{}",
    "fed-ro folders": "{}",
    "folder": "train/{}",
    "folder of digits": "train/{}",
}
WITH_DIGITS = ("raf-db folders", "raf-db folders from 0", "affectnet folders", "folder of digits")
NAMED_BY_CODE = {"kdef": "AF01/AF01ANS.JPG", "jaffe": "KA.AN1.1.tiff"}


@pytest.mark.parametrize("name", WITH_LABEL_FILE)
def test_a_missing_label_file(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    missing = folder / WITH_LABEL_FILE[name]
    if missing.is_dir():
        shutil.rmtree(missing)
    else:
        missing.unlink()
    if name in ONLY_LABEL_FILE:
        message = cannot_open(name, folder)
        assert missing.name in message or name == "fed-ro list"
        return
    report = report_on(name, folder)
    # Pictures that the lost table named are told apart: nothing names them now.
    kinds = {problem.kind for problem in report.problems} - {"unlisted_image"}
    assert kinds == {"missing_folder" if name == "ck+" else "missing_file"}
    assert any(missing.name in problem.message for problem in report.problems)
    for problem in report.problems:
        is_one_sentence(problem)


def put_label(name: str, folder: Path, label: str) -> Path:
    """Another label for the first sample of a table, or one more class folder."""
    if name in LABELS:
        file, pattern = LABELS[name]
        path = folder / file
        text, done = re.subn(pattern, rf"\g<1>{label}", path.read_text(), count=1)
        assert done == 1
        path.write_text(text)
        return path
    if name == "affectnet npy":
        path = folder / "train_set" / "annotations" / "3_exp.npy"
        np.save(path, np.array(label))
        return path
    if name in NAMED_BY_CODE:
        path = folder / NAMED_BY_CODE[name]
        return path.rename(path.with_name(path.name.replace("AN", label.upper())))
    path = folder / WITH_CLASS_FOLDERS[name].format(label)
    path.mkdir(parents=True)
    number = 17 + len(pictures(folder))
    Image.fromarray(noise(999)).save(path / f"S010_009_{number:08}.png")
    return path


@pytest.mark.parametrize("name", [*LABELS, "affectnet npy", *NAMED_BY_CODE, *WITH_CLASS_FOLDERS])
def test_an_unknown_code(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    # Two letters where a name has room for two; "train/sullen" is beside the class folders.
    path = put_label(name, folder, "zz" if name in NAMED_BY_CODE else "sullen")
    expect(report_on(name, folder), "unknown_code", path.name)


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in LABELS if name not in ("fed-ro list", "table", "faces")),
        "affectnet npy",
        *WITH_DIGITS,
    ],
)
def test_a_label_out_of_range(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    path = put_label(name, folder, "9" if LAYOUTS[name].name != "affectnet" else "12")
    expect(report_on(name, folder), "label_out_of_range", path.name)


@pytest.mark.parametrize("name", ["ferplus folders", "ferplus tables"])
def test_more_votes_than_voters(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    path = folder / ("FER2013Train/label.csv" if name.endswith("folders") else "fer2013new.csv")
    path.write_text(re.sub(r",8,", ",18,", path.read_text(), count=1))
    expect(report_on(name, folder), "label_out_of_range", path.name)


@pytest.mark.parametrize("how", ["line ends of Windows", "byte order mark"])
@pytest.mark.parametrize("name", WITH_TEXT)
def test_texts_of_other_editors_count_the_same(
    name: str, how: str, broken: Callable[[str], Path]
) -> None:
    folder = broken(name)
    before = counts(report_on(name, folder))
    for path in texts(folder):
        data = path.read_bytes()
        data = data.replace(b"\n", b"\r\n") if how.startswith("line") else b"\xef\xbb\xbf" + data
        path.write_bytes(data)
    report = report_on(name, folder, decode=name in ("fer2013 csv", "ferplus tables"))
    assert report.problems == []
    assert counts(report) == before


def remove_class(name: str, folder: Path) -> None:
    """Take all pictures of a class out of a split, or of the set where people make the splits."""
    samples = opened(LAYOUTS[name], folder).samples
    gone = next(sample for sample in samples if sample.label is not None and sample.code)
    by_people = bool(gone.subject)
    chosen = [s for s in samples if s.label == gone.label and (by_people or s.split == gone.split)]
    for sample in chosen:
        if "#" not in sample.path:
            (folder / sample.path).unlink(missing_ok=True)
    names = [re.escape(Path(sample.path).name.replace("_aligned", "")) for sample in chosen]
    listed = rf"(?<!\w)({'|'.join(names)})"
    for path in texts(folder):
        if path.name == "fer2013.csv":
            remove_rows(folder, [int(sample.path.partition("#")[2]) for sample in chosen])
        elif path.name.endswith("_emotion.txt"):
            if path.read_text().strip() == gone.code:
                path.unlink()
        else:
            lines = path.read_text().splitlines(keepends=True)
            path.write_text("".join(line for line in lines if not re.search(listed, line)))
    for sample in chosen:
        for path in folder.glob(f"train_set/annotations/{Path(sample.path).stem}_*.npy"):
            path.unlink()


def remove_rows(folder: Path, rows: list[int]) -> None:
    for name in ("fer2013.csv", "fer2013new.csv"):
        path = folder / name
        if path.exists():
            header, *lines = path.read_text().splitlines()
            kept = [line for row, line in enumerate(lines) if row not in rows]
            path.write_text("\n".join([header, *kept]) + "\n")


MAY_LACK = ("table", "table of digits", "faces", "expw", "ferplus tables")


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in MAY_LACK])
def test_an_empty_class(name: str, broken: Callable[[str], Path]) -> None:
    folder = broken(name)
    remove_class(name, folder)
    expect(report_on(name, folder), "empty_class", "")


def test_an_empty_class_of_expw(broken: Callable[[str], Path]) -> None:
    folder = broken("expw")
    path = folder / "label.lst"
    lines = [line for line in path.read_text().splitlines() if not line.endswith(" 3")]
    path.write_text("\n".join(lines) + "\n")
    expect(report_on("expw", folder), "empty_class", "happiness")


def test_an_empty_class_of_ferplus_tables(broken: Callable[[str], Path]) -> None:
    folder = broken("ferplus tables")
    samples = opened(LAYOUTS["ferplus tables"], folder).samples
    fear = [s for s in samples if s.code == "fear" and s.split == "val"]
    remove_rows(folder, [int(sample.path.partition("#")[2]) for sample in fear])
    expect(report_on("ferplus tables", folder), "empty_class", "fear in the split val")
