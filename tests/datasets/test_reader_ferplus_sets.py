from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.datasets.listing import Listing
from latent_ofer.datasets.readers.ferplus import read_ferplus_set
from latent_ofer.errors import DataError
from layouts_b import (
    label_line,
    lagging_names,
    put_picture,
    small_pixels,
    votes_for,
    write_ferplus_folders,
    write_ferplus_tables,
    write_vote_table,
    zipped,
)

SPLITS = ("train", "val", "test")


def sizes(listing: Listing) -> list[int]:
    return [len([s for s in listing.samples if s.split == split]) for split in SPLITS]


def edit(path: Path, line: int, text: str) -> None:
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("root", ["folder", "above", "zip"])
def test_folders_with_label_csv_are_read_anywhere(tmp_path: Path, root: str) -> None:
    folder = write_ferplus_folders(tmp_path / "above" / "data")
    roots = {"folder": folder, "above": folder.parent, "zip": zipped(folder)}
    listing = read_ferplus_set(roots[root], None)
    assert sizes(listing) == [8, 4, 3]
    assert [sample.label for sample in listing.of("train")] == list(range(8))
    second = listing.samples[1]
    assert (second.code, second.votes) == ("happiness", tuple(votes_for(1)))
    assert second.tags["name"] == "fer0000001.png"
    assert not listing.problems
    assert listing.pictures.read(second.path).shape[:2] == (48, 48)


def test_a_part_that_is_not_here_is_a_note(tmp_path: Path) -> None:
    listing = read_ferplus_set(write_ferplus_folders(tmp_path, (3, 2, 0)), None)
    assert sizes(listing) == [3, 2, 0]
    assert not listing.problems
    assert [note for note in listing.notes if "FER2013Test" in note]


def test_faces_without_majority_keep_their_votes_and_have_no_label(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    table = folder / "FER2013Train" / "label.csv"
    edit(table, 1, label_line("fer0000000.png", [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]))
    edit(table, 2, label_line("fer0000001.png", [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]))
    edit(table, 3, label_line("fer0000002.png", [3, 2, 0, 1, 1, 1, 1, 1, 0, 0]))
    samples = read_ferplus_set(folder, None).of("train")
    assert [sample.label for sample in samples[:4]] == [None, None, 0, 3]
    assert [sample.code for sample in samples[:2]] == ["", ""]
    assert samples[0].votes == (5, 5, 0, 0, 0, 0, 0, 0, 0, 0)


def test_twins_are_tagged_in_training_only(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    (folder / "twins_of_test.txt").write_text(
        "FER2013Train/fer0000003.png\r\nFER2013Valid/fer0000008.png\r\n"
    )
    (folder / "train_twins_of_valid.txt").write_text("FER2013Train/fer0000005.png\n")
    twins = [s.tags["name"] for s in read_ferplus_set(folder, None).samples if "twin" in s.tags]
    assert twins == ["fer0000003.png", "fer0000005.png"]


def test_crlf_and_a_byte_order_mark_in_label_csv_change_nothing(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    table = folder / "FER2013Train" / "label.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes().replace(b"\n", b"\r\n"))
    listing = read_ferplus_set(folder, None)
    assert [sample.label for sample in listing.of("train")] == list(range(8))
    assert not listing.problems


def test_folders_and_names_in_another_case_are_found(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path / "data")
    (folder / "FER2013Train").rename(folder / "fer2013train")
    picture = folder / "fer2013train" / "fer0000000.png"
    picture.rename(picture.with_name("FER0000000.PNG"))
    listing = read_ferplus_set(folder, None)
    assert sizes(listing) == [8, 4, 3]
    assert not listing.problems


@pytest.mark.parametrize(
    ("votes", "kind"),
    [
        ("11,0,0,0,0,0,0,0,0,0", "label_out_of_range"),
        ("-1,0,0,0,0,0,0,0,0,0", "label_out_of_range"),
        ("x,0,0,0,0,0,0,0,0,0", "bad_file"),
        ("2.5,0,0,0,0,0,0,0,0,0", "bad_file"),
        ("5,5", "bad_file"),
    ],
)
def test_bad_votes_are_told_with_their_line(tmp_path: Path, votes: str, kind: str) -> None:
    folder = write_ferplus_folders(tmp_path)
    table = folder / "FER2013Valid" / "label.csv"
    edit(table, 2, f'fer0000009.png,"(0, 0, 48, 48)",{votes}')
    listing = read_ferplus_set(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [(kind, "FER2013Valid/label.csv:2")]
    assert sizes(listing) == [8, 3, 3]


def test_missing_and_unlisted_pictures_are_told(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    (folder / "FER2013Train" / "fer0000002.png").unlink()
    put_picture(folder / "FER2013Valid" / "more.png")
    listing = read_ferplus_set(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [
        ("missing_image", "FER2013Train/label.csv:3"),
        ("unlisted_image", "FER2013Valid/more.png"),
    ]
    assert sizes(listing) == [7, 4, 3]


def test_a_thousand_missing_pictures_make_few_problems(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    table = folder / "FER2013Train" / "label.csv"
    lines = [label_line(f"gone{row}.png", votes_for(0)) for row in range(1000)]
    table.write_text("\n".join(lines))
    problems = [p for p in read_ferplus_set(folder, None).problems if p.kind == "missing_image"]
    assert len(problems) == 21
    assert "1,000" in problems[-1].message


@pytest.mark.parametrize("as_zip", [False, True])
def test_tables_are_joined_by_row_order_and_not_by_name(tmp_path: Path, as_zip: bool) -> None:
    folder = write_ferplus_tables(tmp_path / "data", blank=(2, 5))
    listing = read_ferplus_set(zipped(folder) if as_zip else folder, None)
    assert sizes(listing) == [5, 3, 2]
    rows = [int(sample.path.partition("#")[2]) for sample in listing.samples]
    assert rows == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert [sample.label for sample in listing.samples] == [row % 8 for row in rows]
    last = listing.samples[-1]
    assert (last.path, last.tags["name"]) == ("fer2013.csv#11", "fer0000009.png")
    np.testing.assert_array_equal(listing.pictures.read(last.path), small_pixels(11))
    assert not listing.problems
    assert any("25,060" in note for note in listing.notes)
    assert any(note.startswith("2 rows without an image name") for note in listing.notes)


def test_the_header_names_the_columns_in_any_order_and_case(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path)
    table = folder / "fer2013new.csv"
    rows = [line.split(",") for line in table.read_text().splitlines()]
    rows[0] = [name.upper() for name in rows[0]]
    table.write_text("\n".join(",".join([*row[2:][::-1], *row[:2]]) for row in rows))
    listing = read_ferplus_set(folder, None)
    assert [s.label for s in listing.samples] == [r % 8 for r in range(12) if r != 2]


def test_tables_of_different_length_are_not_joined(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path)
    table = folder / "fer2013new.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]))
    listing = read_ferplus_set(folder, None)
    assert not listing.samples
    assert [(p.kind, p.place) for p in listing.problems] == [("bad_file", "fer2013new.csv")]
    assert "11 rows" in listing.problems[0].message
    assert "12" in listing.problems[0].message


def test_a_usage_that_disagrees_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path)
    table = folder / "fer2013new.csv"
    line = table.read_text().splitlines()[4]
    edit(table, 5, line.replace("Training", "PublicTest"))
    listing = read_ferplus_set(folder, None)
    assert [(p.kind, p.place) for p in listing.problems] == [("bad_file", "fer2013new.csv:5")]
    assert sizes(listing) == [5, 3, 2]


def test_label_csv_wins_over_the_other_table_where_its_pictures_are(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    write_ferplus_tables(folder)
    listing = read_ferplus_set(folder, None)
    assert sizes(listing) == [8, 4, 3]
    assert any("was not used" in note for note in listing.notes)


def test_label_csv_without_any_picture_leaves_the_tables(tmp_path: Path) -> None:
    folder = write_ferplus_folders(tmp_path)
    for picture in folder.glob("*/*.png"):
        picture.unlink()
    write_ferplus_tables(folder)
    assert read_ferplus_set(folder, None).samples[0].path == "fer2013.csv#0"


def test_one_table_alone_is_not_the_set(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path)
    (folder / "fer2013.csv").unlink()
    with pytest.raises(DataError, match=r"and fer2013\.csv, found fer2013new\.csv"):
        read_ferplus_set(folder, None)


def test_a_vote_table_without_a_column_is_refused(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path)
    table = folder / "fer2013new.csv"
    table.write_text(table.read_text().replace("contempt", "other"))
    with pytest.raises(DataError, match="lacks contempt"):
        read_ferplus_set(folder, None)


def slow_majority(votes: list[int]) -> int | None:
    """The rule in its own words, face by face."""
    kept = [vote if vote > 1 else 0 for vote in votes]
    winners = [column for column, vote in enumerate(kept) if vote * 2 > sum(kept)]
    return winners[0] if winners and winners[0] < 8 else None


@pytest.mark.slow
def test_a_full_size_pair_of_tables_gives_the_counts_of_a_slow_count(tmp_path: Path) -> None:
    parts = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
    usages = [usage for usage, count in parts.items() for _ in range(count)]
    total = len(usages)
    rng = np.random.default_rng(7)
    blank = [60, *(61 + rng.choice(total - 61, 172, replace=False)).tolist()]
    names = lagging_names(total, blank)
    sharp = rng.dirichlet(np.full(10, 0.15), total)
    votes = [
        rng.multinomial(10, share).tolist() if name else [0] * 9 + [10]
        for share, name in zip(sharp, names, strict=True)
    ]
    write_vote_table(tmp_path, usages, names, votes)
    pixels = " ".join(map(str, small_pixels(0).ravel()))
    with (tmp_path / "fer2013.csv").open("w") as stream:
        stream.write("emotion,pixels,Usage\n")
        stream.writelines(f"{row % 7},{pixels},{usage}\n" for row, usage in enumerate(usages))

    expected: Counter[tuple[str, int | None]] = Counter()
    for usage, name, row in zip(usages, names, votes, strict=True):
        if name:
            expected[usage, slow_majority(row)] += 1
    listing = read_ferplus_set(tmp_path, None)
    split = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}
    found = Counter((split[sample.split], sample.label) for sample in listing.samples)

    assert total == 35_887
    assert found == expected
    assert all(found[usage, label] > 0 for usage in parts for label in (*range(8), None))
    assert not listing.problems
    assert any(note.startswith("173 rows") for note in listing.notes)
    last = listing.samples[-1]
    row = int(last.path.partition("#")[2])
    assert int(last.tags["name"][3:10]) == row - 173
    assert last.votes == tuple(votes[row])
