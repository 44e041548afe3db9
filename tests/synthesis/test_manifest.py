"""The table of a synthesised set, and the figures made from it."""

from dataclasses import replace

import numpy as np
import pytest

from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.synthesis.coverage import coverage_report, uneven_bins
from latent_ofer.synthesis.manifest import (
    COLUMNS,
    Row,
    csv_text,
    patch_states,
    patch_text,
    read_rows,
)

ROW = Row(**{column: f'{column}, "quoted"' for column in COLUMNS})


def covering(category: str, wanted: float, reached: float) -> Row:
    return replace(
        ROW, category=category, coverage_wanted=f"{wanted:.6f}", coverage=f"{reached:.6f}"
    )


def test_rows_come_back_as_they_were() -> None:
    rows = [ROW, replace(ROW, path="images/b.png", label="")]
    assert read_rows(csv_text(rows)) == rows
    assert read_rows(csv_text(rows[:1]) + csv_text(rows[1:], header=False)) == rows


@pytest.mark.parametrize("cut", [1, 5, 60])
def test_a_row_that_was_cut_short_is_left_out(cut: int) -> None:
    row = Row(**{column: column for column in COLUMNS})
    text = csv_text([row, row])
    assert read_rows(text[:-cut]) == [row]


def test_what_is_no_manifest_has_no_rows() -> None:
    assert read_rows("") == []
    assert read_rows("path,label\na.png,sad\n") == []


def test_patches_are_written_as_two_one_nought() -> None:
    covered = np.zeros((112, 112), dtype=bool)
    covered[8:16, 16:24] = True
    covered[30, 3] = True
    text = patch_text(covered)
    assert text.split()[1] == "00200000000000"
    assert text.split()[3] == "10000000000000"
    random = np.random.default_rng(0).random((112, 112)) < 0.24
    states = patch_states(patch_text(random))
    np.testing.assert_array_equal(states == 2, occluded_patches(random))
    np.testing.assert_array_equal(states == 1, border_patches(random))


def test_the_report_counts_bins_and_tells_which_category_falls_short() -> None:
    rows = [covering("ball", share, share) for share in np.linspace(0.051, 0.399, 80)]
    rows += [covering("stick", 0.39, 0.07), covering("stick", 0.3, 0.295)]
    report = coverage_report(rows, (0.05, 0.40))
    assert [part["reached"] for part in report["bins"]] == [11, 10, 10, 10, 10, 11, 10, 10]
    assert [part["wanted"] for part in report["bins"]][-1] == 11
    assert report["bins"][0]["from"] == 5 and report["bins"][-1]["to"] == 40
    assert report["categories"]["ball"] == {"faces": 80, "missed": 0, "missing_on_average": 0}
    assert report["categories"]["stick"] == {"faces": 2, "missed": 1, "missing_on_average": 32}
    assert uneven_bins(report) == []


def test_the_ends_of_the_range_take_what_misses_them_by_less_than_a_point() -> None:
    rows = [covering("ball", 0.05, share) for share in (0.045, 0.405, 0.03, 0.42)]
    report = coverage_report(rows, (0.05, 0.40))
    counts = [part["reached"] for part in report["bins"]]
    assert (counts[0], counts[-1], sum(counts)) == (1, 1, 2)
    assert (report["below"], report["above"]) == (1, 1)
    assert uneven_bins(report) == report["bins"]


def test_protocols_that_draw_no_coverage_report_its_mean() -> None:
    assert coverage_report([replace(ROW, coverage="0.25")], None) == {"mean": 25.0}
