from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chosen import Oracle, chosen_faces, entrant
from latent_ofer.datasets.prepare import prepare
from latent_ofer.datasets.readers.fer import read_tables
from latent_ofer.errors import DataError
from latent_ofer.evaluation.chosen_faces import choose_listed
from latent_ofer.evaluation.real_occlusion import TABLES, evaluate_real_occlusion, without_data
from latent_ofer.evaluation.recognition_bench import Bench
from layouts_b import write_ferplus_tables

USAGES = {"Training": 4, "PublicTest": 6, "PrivateTest": 14}


@pytest.mark.parametrize(
    ("name", "others", "ours"), [("table4", 6, 71.8), ("table5", 3, 66.1), ("table6", 3, 84.2)]
)
def test_without_data_the_papers_rows_stand_and_say_what_is_needed(
    name: str, others: int, ours: float, tmp_path: Path
) -> None:
    table = without_data(TABLES[name], ["pipeline", "plain"], tmp_path)
    assert [row.name for row in table.rows[:2]] == ["pipeline", "plain"]
    assert table.rows[0].paper == {"accuracy": ours}
    assert f"--set {TABLES[name].data_set}=PATH" in table.rows[0].note
    assert len(table.rows) == 2 + others
    assert all(row.paper and not row.figures for row in table.rows[2:])
    assert (tmp_path / "table.md").exists()


def test_seven_classes_and_kinds_of_occlusion_are_counted(tmp_path: Path) -> None:
    faces = chosen_faces(16)
    tags = [{"occlusion": str(row % 2)} for row in range(16)]
    faces = replace(faces, tags=tags)

    def wrong_on_odd(pictures: np.ndarray) -> np.ndarray:
        answers = Oracle(faces)(pictures)
        odd = answers.argmax(axis=1) % 2 == 1
        answers[odd] = np.eye(8)[0]
        return answers

    entrants = [entrant("pipeline", wrong_on_odd), entrant("oracle", Oracle(faces))]
    bench = Bench(faces, entrants, tmp_path / "answers", classes=7)
    table = evaluate_real_occlusion(TABLES["table6"], bench, tmp_path / "report")
    ours, oracle, *_ = table.rows
    # Sixteen faces less two of contempt; of these fourteen six are surprise, anger or fear.
    assert table.protocol["faces scored"] == 14
    assert ours.figures["accuracy"]["value"] == pytest.approx(8 / 14)
    assert oracle.figures["less"]["value"] == pytest.approx(-6 / 14)
    groups = table.details["scores"]["pipeline"]["by_group"]
    assert groups["occluder: type 0"]["accuracy"]["value"] == 1
    assert groups["occluder: type 1"]["accuracy"]["value"] == 0
    assert groups["occluder: type 1"]["n"] == 6
    assert (tmp_path / "report" / "accuracy-by-type.png").exists()


def test_a_list_takes_its_faces_from_wherever_the_tables_lie(tmp_path: Path) -> None:
    write_ferplus_tables(tmp_path / "one", USAGES)
    (tmp_path / "other").mkdir()
    votes = (tmp_path / "one" / "fer2013new.csv").rename(tmp_path / "other" / "fer2013new.csv")
    listing = read_tables(votes, tmp_path / "one" / "fer2013.csv")
    chosen = tmp_path / "jianfei_occlusion_list.txt"
    # The third row has no name, so that fer0000010 is row 11 and fer0000012 row 13.
    chosen.write_text("3_fer0000010.png 8 1\n5_fer0000012.png 8 2\n0_fer0000999.png 8 1\n")
    faces = choose_listed(listing, chosen, tmp_path / "cache", None, 7)
    assert faces.ids == ["ferplus/fer0000010.png", "ferplus/fer0000012.png"]
    assert faces.labels.tolist() == [11 % 8, 13 % 8]
    assert [tags["occlusion"] for tags in faces.tags] == ["1", "2"]
    assert faces.about["list"] == "jianfei_occlusion_list.txt, 2 of its 3 faces here"
    assert faces.about["split"] == "test"


def test_every_face_of_a_set_is_taken_dev_among_them(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path, {"Training": 24})
    listing = read_tables(folder / "fer2013new.csv", folder / "fer2013.csv")
    dev = prepare(listing, "dev", tmp_path / "cache", crops=True)
    faces = choose_listed(listing, None, tmp_path / "cache", None, 7)
    assert len(dev) > 0 and len(faces) == len(listing.samples) == 23


def test_a_list_of_another_set_is_refused(tmp_path: Path) -> None:
    folder = write_ferplus_tables(tmp_path / "set", USAGES)
    listing = read_tables(folder / "fer2013new.csv", folder / "fer2013.csv")
    chosen = tmp_path / "list.txt"
    chosen.write_text("test_0003_aligned 3 4\n")
    with pytest.raises(DataError, match="has none of its 1 faces"):
        choose_listed(listing, chosen, tmp_path / "cache", None, 7)


def test_missing_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"fer2013new\.csv: not found"):
        read_tables(tmp_path / "fer2013new.csv", tmp_path / "fer2013.csv")
