"""The detection test on drawn photos: whose faces, which objects, what is left out."""

from pathlib import Path

import numpy as np
import pytest

from archives import write_archives
from detecting import bench_for, figures_of, greenness, looking, photos
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.datasets.pool import FacePool
from latent_ofer.evaluation.detection_report import detection_report, face_groups
from latent_ofer.evaluation.grouping import cover_groups
from latent_ofer.evaluation.measurements import Asked


@pytest.mark.parametrize("kind", ["colour", "grey"])
def test_faces_and_objects_are_those_that_training_has_never_seen(
    kind: str, tmp_path: Path
) -> None:
    data = write_archives(tmp_path / "data")
    benches = Asked(data=data, runs=tmp_path).kinds(("clean", "objects"))
    report = detection_report(benches, looking(greenness), data / "none.csv")
    assert report[kind]["n"] == 2
    groups = {name for name in report[kind]["by_group"] if name.startswith("occluder")}
    assert groups == {"occluder: hand"}
    assert report[kind]["worst_group"] is None  # none has a hundred faces here


def test_patches_of_replicated_border_are_left_out_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streaks = np.zeros((4, 196), dtype=bool)
    streaks[:, :50] = True
    monkeypatch.setattr(FacePool, "borders", streaks)
    bench = bench_for(photos(4), tmp_path)
    found = detection_report({"colour": bench}, looking(greenness), tmp_path / "none")
    expected = figures_of(looking(greenness).scored(bench).without(streaks), bench.intervals())
    assert found["colour"]["without_streaks"] == expected


def test_faces_are_grouped_by_source_and_by_what_is_known_of_them() -> None:
    pool = photos(3)
    pool.sets[0].sources[1] = "celeba"
    pool.sets[0].tags[:] = [{}, {}, {"sex": "1"}]
    members = {name: some.tolist() for name, some in face_groups(pool).items()}
    assert members == {
        "sex: female": [False, False, True],
        "source: celeba": [False, True, False],
        "source: utkface": [True, False, True],
    }


def test_faces_are_grouped_by_what_really_covers_them_where_a_table_says_so(
    tmp_path: Path,
) -> None:
    data = write_archives(tmp_path / "data")
    pool = FacePool([read_ferplus(data, "val", tmp_path / "cache")])
    table = tmp_path / "covers.csv"
    assert cover_groups(pool, table) == {}
    first, second = [name for _, name in pool.keys][:2]
    looks = {first: ",", second: "hand,hand", "unknown.png": ","}
    rows = [f"{name},{both}" for name, both in looks.items()]
    table.write_text("\n".join(["file,pass_a,pass_b", *rows]))
    groups_found = cover_groups(pool, table)
    assert {group: np.flatnonzero(here).tolist() for group, here in groups_found.items()} == {
        "cover: nothing": [0],
        "cover: really covered": [1],
    }
