"""What the check counts and reports on listings made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from latent_ofer.datasets.check import CheckReport, check
from latent_ofer.datasets.listing import Listing, Problem, Sample
from latent_ofer.errors import ImageError
from whole_sets import noise


class Noise:
    """A picture of noise for each name; the digits in it are the seed. Counts what is read."""

    def __init__(self, there: bool = True) -> None:
        self.there = there
        self.reads: list[str] = []

    def read(self, path: str) -> NDArray[np.uint8]:
        self.reads.append(path)
        if path.startswith("cut"):
            raise ImageError("truncated", path, f"drawn: {path}: image: ends early; copy again.")
        face = noise(int("".join(letter for letter in path if letter.isdigit())), 64)
        return np.clip(face.astype(int) + 2, 0, 255).astype(np.uint8) if "near" in path else face

    def exists(self, path: str) -> bool:
        return self.there


def listing(*samples: Sample, name: str = "drawn", **more: object) -> Listing:
    return Listing(name, Path("drawn"), Noise(), list(samples), **more)  # type: ignore[arg-type]


def kinds(report: CheckReport) -> list[str]:
    return [problem.kind for problem in report.problems]


def test_samples_are_counted_by_split_and_expression() -> None:
    report = check(
        listing(
            Sample("1", "train", 0, "7", "anna"),
            Sample("2", "train", 0, "7", "anna"),
            Sample("3", "train", None, "8"),
            Sample("4", "test", 3, "5", "bert"),
        )
    )
    train, test = report.splits["train"], report.splits["test"]
    assert list(report.splits) == ["train", "test"]
    assert train.by_expression == {"neutral": 2, "sadness": 0}
    assert (train.images, train.without_label, train.people) == (3, 1, 1)
    assert test.by_expression == {"neutral": 0, "sadness": 1}
    assert [(c.code, c.expression, c.images) for c in report.codes] == [
        ("7", "neutral", 2),
        ("8", None, 1),
        ("5", "sadness", 1),
    ]
    assert report.ok


def test_published_counts_stand_beside_the_found_ones() -> None:
    report = check(listing(Sample("1", "train", 0), name="raf-db"), whole=False)
    assert report.splits["train"].published is None
    report = check(listing(Sample("1", "train", 0), name="raf-db"))
    assert report.splits["train"].published == 12_271
    assert check(listing(Sample("1", "train", 0), name="jaffe")).published == 213


def test_what_the_reader_found_is_kept() -> None:
    problem = Problem("bad_file", "list.txt:3", "list.txt:3: no code.")
    report = check(listing(Sample("1", "train", 0), problems=[problem], notes=["A note."]))
    assert report.problems == [problem]
    assert report.notes == ["A note."]
    assert not report.ok


def test_pictures_are_left_alone_on_demand() -> None:
    some = listing(Sample("cut", "train", 0))
    report = check(some, decode=False)
    assert isinstance(some.pictures, Noise)
    assert some.pictures.reads == []
    assert report.ok
    assert report.copies is None
    assert "not opened" in report.notes[-1]


def test_an_unreadable_picture_is_told_with_its_code() -> None:
    report = check(listing(Sample("cut", "train", 0)))
    assert kinds(report) == ["unreadable_image"]
    assert report.problems[0].message == "cut: unreadable (truncated): ends early; copy again."


@pytest.mark.parametrize("told", [True, False])
def test_a_missing_picture_is_told_once(told: bool) -> None:
    known = [Problem("missing_image", "list:1", "list:1: cut is not there.")] if told else []
    some = Listing("drawn", Path("drawn"), Noise(False), [Sample("cut", "train", 0)], known)
    report = check(some)
    assert kinds(report) == ["missing_image"]
    assert "cut" in report.problems[0].message


def test_of_two_copies_the_one_in_training_is_to_leave() -> None:
    report = check(listing(Sample("1", "test", 3), Sample("a1", "train", 4)))
    assert kinds(report) == ["duplicate"]
    assert report.problems[0].message == (
        "a1 (train): has the very same pixels as 1 (test), labelled anger here and sadness "
        "there; leave this one out."
    )
    assert report.copies is not None
    assert (report.copies.exact, report.copies.exact_across) == (1, 1)


def test_copies_across_splits_come_first_and_near_ones_last() -> None:
    report = check(
        listing(
            Sample("1", "train", 0),
            Sample("b1", "train", 0),
            Sample("2", "train", 0),
            Sample("b2", "test", 0),
            Sample("3", "test", 0),
            Sample("near3", "train", 0),
            Sample("4", "train", 0),
            Sample("near4", "train", 0),
        )
    )
    assert [problem.place for problem in report.problems] == ["2", "b1", "near3"]
    assert report.copies is not None
    counts = report.copies
    assert (counts.exact, counts.exact_across, counts.near, counts.near_within) == (2, 1, 1, 2)


def test_a_picture_of_several_faces_is_opened_once_and_is_no_copy_of_itself() -> None:
    faces = listing(
        Sample("1", "test", 0, box=(0, 0, 30, 30)),
        Sample("1", "test", 1, box=(30, 30, 30, 30)),
        Sample("1", "test", 1, box=(30, 30, 30, 30)),
    )
    report = check(faces)
    assert isinstance(faces.pictures, Noise)
    assert faces.pictures.reads == ["1"]
    assert report.ok


def test_a_person_in_two_splits_is_told_once() -> None:
    people = [Sample("1", "train", 0, "", "anna"), Sample("2", "test", 0, "", "anna")]
    assert kinds(check(listing(*people))) == ["subject_in_two_splits"]
    known = [Problem("subject_in_two_splits", "anna", "anna: in two splits.")]
    assert kinds(check(listing(*people, problems=known))) == ["subject_in_two_splits"]


def test_a_class_that_a_known_set_lacks_is_told_unless_it_is_a_part() -> None:
    samples = [Sample(str(n), s, n) for s in ("train", "test") for n in range(7)]  # type: ignore[arg-type]
    assert check(listing(*samples, name="raf-db"), decode=False).ok
    report = check(listing(*samples[:-1], name="raf-db"), decode=False)
    assert kinds(report) == ["empty_class"]
    assert "no picture of fear in the split test" in report.problems[0].message
    few = [sample for sample in samples if sample.label != 2]
    report = check(listing(*few, name="raf-db"), decode=False)
    assert [problem.message for problem in report.problems] == [
        "drawn: no picture of surprise, expected at least one."
    ]
    assert check(listing(*few, name="raf-db"), decode=False, whole=False).ok


def test_classes_that_copies_leave_out_and_withheld_labels_are_no_problem() -> None:
    samples = [Sample(str(n), "train", n) for n in range(7)]
    assert check(listing(*samples, name="affectnet"), decode=False).ok
    withheld = Sample("9", "test", None)
    assert check(listing(*samples, withheld, name="sfew"), decode=False).ok


def test_the_report_is_plain_json() -> None:
    report = check(listing(Sample("1", "test", 3), Sample("a1", "train", 4)))
    told = json.loads(json.dumps(report.to_dict()))
    assert told["ok"] is False
    assert told["splits"]["train"]["by_expression"] == {"sadness": 0, "anger": 1}
    assert told["problems"][0]["kind"] == "duplicate"
    assert told["copies"]["exact"] == 1
