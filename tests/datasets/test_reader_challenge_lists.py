from pathlib import Path

import pytest

from latent_ofer.datasets.challenge_lists import read_list, restrict
from latent_ofer.datasets.listing import Listing, Sample
from latent_ofer.datasets.readers.ferplus import read_ferplus_set
from latent_ofer.datasets.tree import FolderPictures
from latent_ofer.errors import DataError
from latent_ofer.labels import EXPRESSIONS
from layouts_b import HASHES, write_challenge_lists, write_ferplus_folders, write_ferplus_tables

CONTEMPT = EXPRESSIONS.index("contempt")
SURPRISE = EXPRESSIONS.index("surprise")
HAPPINESS = EXPRESSIONS.index("happiness")


@pytest.mark.parametrize("name", ["own", "other"])
@pytest.mark.parametrize(
    ("file", "data_set", "kind", "entries", "repeated"),
    [
        (
            "rafdb_occlusion_list.txt",
            "raf-db",
            "occlusion",
            [("test_0003", HAPPINESS, "4"), ("test_0001", SURPRISE, "1")],
            1,
        ),
        (
            "val_raf_db_list_45.txt",
            "raf-db",
            "pose",
            [("test_0001", SURPRISE, "45"), ("test_0003", HAPPINESS, "45")],
            0,
        ),
        (
            "jianfei_occlusion_list.txt",
            "ferplus",
            "occlusion",
            [("fer0000001", HAPPINESS, "0"), ("fer0000000", 0, "2")],
            0,
        ),
        (
            "pose_30_ferplus_list.txt",
            "ferplus",
            "pose",
            [("fer0000000", 0, "30"), ("fer0000001", HAPPINESS, "30")],
            0,
        ),
        (
            "occlusion_affectnet_list.txt",
            "affectnet",
            "occlusion",
            [(HASHES[0], 0, "yes"), (HASHES[1], HAPPINESS, "yes")],
            0,
        ),
        (
            "pose_45_affectnet_list.txt",
            "affectnet",
            "pose",
            [(HASHES[0], 0, "45"), (HASHES[3], CONTEMPT, "45")],
            1,
        ),
    ],
)
def test_each_list_is_recognised_by_its_content(
    tmp_path: Path,
    file: str,
    data_set: str,
    kind: str,
    entries: list[tuple[str, int, str]],
    repeated: int,
    name: str,
) -> None:
    path = write_challenge_lists(tmp_path) / file
    if name == "other":
        path = path.rename(tmp_path / ("list_45.txt" if "45" in file else "list.txt"))
    chosen = read_list(path)
    assert (chosen.data_set, chosen.kind, chosen.repeated) == (data_set, kind, repeated)
    assert [(e.name, e.label, e.tag) for e in chosen.entries] == entries
    assert not chosen.problems


def test_lines_of_another_form_are_told_and_other_files_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("2 7\ntest_0003_aligned 3 4\n\ntest_0004_aligned 9 4\n")
    assert [(p.kind, p.place) for p in read_list(path).problems] == [
        ("bad_file", "list.txt:1"),
        ("label_out_of_range", "list.txt:4"),
    ]
    path.write_text("a.jpg happy\n")
    with pytest.raises(DataError, match="no list of occlusions or poses"):
        read_list(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_list(tmp_path / "nowhere.txt")


def raf_db(labels: dict[str, int]) -> Listing:
    samples = [
        Sample(f"Image/aligned/{name}_aligned.jpg", "test", label) for name, label in labels.items()
    ]
    return Listing("raf-db", Path("raf"), FolderPictures(Path()), samples)


def test_a_data_set_is_restricted_to_the_list_in_its_order(tmp_path: Path) -> None:
    chosen = read_list(write_challenge_lists(tmp_path) / "rafdb_occlusion_list.txt")
    labels = {"test_0001": SURPRISE, "test_0002": 0, "test_0003": HAPPINESS}
    listing = restrict(raf_db(labels), chosen)
    assert [s.path for s in listing.samples] == [
        "Image/aligned/test_0003_aligned.jpg",
        "Image/aligned/test_0001_aligned.jpg",
    ]
    assert [s.tags for s in listing.samples] == [{"occlusion": "4"}, {"occlusion": "1"}]
    assert not listing.problems
    assert any("2 of 2 faces" in note and "1 repeated" in note for note in listing.notes)


def test_the_data_sets_label_counts_and_absent_faces_are_told(tmp_path: Path) -> None:
    chosen = read_list(write_challenge_lists(tmp_path) / "rafdb_occlusion_list.txt")
    listing = restrict(raf_db({"test_0003": 0, "test_0009": 0}), chosen)
    assert [s.label for s in listing.samples] == [0]
    assert [(p.kind, p.place) for p in listing.problems] == [
        ("bad_file", "rafdb_occlusion_list.txt:1"),
        ("missing_image", "rafdb_occlusion_list.txt:2"),
    ]


def test_a_data_set_with_none_of_the_faces_is_refused(tmp_path: Path) -> None:
    chosen = read_list(write_challenge_lists(tmp_path) / "occlusion_affectnet_list.txt")
    with pytest.raises(DataError, match="the list is of affectnet, the data set is raf-db"):
        restrict(raf_db({"test_0003": 0}), chosen)


def test_names_of_affectnet_are_found_in_any_folder(tmp_path: Path) -> None:
    chosen = read_list(write_challenge_lists(tmp_path) / "pose_45_affectnet_list.txt")
    samples = [Sample(f"Manually_Annotated_Images/7/{HASHES[3]}.jpg", "val", CONTEMPT)]
    root = Path("affectnet")
    listing = restrict(Listing("affectnet", root, FolderPictures(Path()), samples), chosen)
    assert [s.tags["pose"] for s in listing.samples] == ["45"]


@pytest.mark.parametrize("layout", ["folders", "tables"])
def test_ferplus_is_matched_by_image_name_and_not_by_row(tmp_path: Path, layout: str) -> None:
    lists = write_challenge_lists(tmp_path / "lists")
    if layout == "folders":
        listing = read_ferplus_set(write_ferplus_folders(tmp_path / "data"), None)
        expected = ["FER2013Train/fer0000001.png", "FER2013Train/fer0000000.png"]
    else:
        # Row 0 has no name, so that fer0000001 is row 2, whose label is surprise.
        listing = read_ferplus_set(write_ferplus_tables(tmp_path / "data", blank=(0,)), None)
        expected = ["fer2013.csv#2", "fer2013.csv#1"]
    chosen = read_list(lists / "jianfei_occlusion_list.txt")
    assert [s.path for s in restrict(listing, chosen).samples] == expected
