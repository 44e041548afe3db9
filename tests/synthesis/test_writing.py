"""Writing a set: the same files however it is made, and to be continued after a stop."""

import csv
import io
import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers import drawn_face, some_of
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.errors import DataError
from latent_ofer.locks import InUseError, held
from latent_ofer.names import utf8_text
from latent_ofer.occlusion.patches import border_patches, occluded_patches
from latent_ofer.synthesis import writing
from latent_ofer.synthesis.jobs import HeatMaps, Maker
from latent_ofer.synthesis.manifest import patch_states, read_rows
from latent_ofer.synthesis.protocols import Settings, occlude
from latent_ofer.synthesis.records import DEVICES, picture_paths
from latent_ofer.synthesis.writing import synthesize

SETTINGS = Settings("procedural")


def drawn_set(count: int, size: int = 48, source: str = "drawn") -> FaceSet:
    """Grey faces at 48 px, coloured ones at 112."""
    faces, points = zip(*(drawn_face(size, seed) for seed in range(count)), strict=True)
    images = np.stack(faces)
    return FaceSet(
        images[..., 0] if size == 48 else images,
        np.stack(points),
        np.full(count, size != 48),
        [source] * count,
        [f"{number:03d}.png" for number in range(count)],
        np.arange(count) % 9 - 1,
        np.zeros((count, 8), np.float32),
        ["somebody"] * count,
        [{}] * count,
    )


def write(output: Path, faces: FaceSet | None = None, **more: Any) -> dict[str, Any]:
    sets = [drawn_set(5) if faces is None else faces]
    given = {"settings": SETTINGS, "name": "drawn", "split": "val", **more}
    return synthesize(sets, output, **given)


def files_of(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_everything_that_the_manifest_says_is_true_of_the_files(tmp_path: Path) -> None:
    faces = drawn_set(3, 112)
    record = write(tmp_path / "set", faces)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "set/manifest.csv").read_text())))
    assert [row["id"] for row in rows] == faces.names
    assert [row["label"] for row in rows] == ["", "neutral", "happiness"]
    lines = ""
    for number, row in enumerate(rows):
        made = occlude(FacePool([faces]).native(number), SETTINGS, [])
        image = np.asarray(Image.open(tmp_path / "set" / row["path"]))
        mask = np.asarray(Image.open(tmp_path / "set" / row["mask"]))
        np.testing.assert_array_equal(image, made.image)
        np.testing.assert_array_equal(mask, 255 * made.covered)
        assert row["image_sha256"] == sha256(image.tobytes()).hexdigest()
        assert row["mask_sha256"] == sha256(mask.tobytes()).hexdigest()
        assert float(row["coverage"]) == pytest.approx((mask > 0).mean(), abs=1e-6)
        assert float(row["coverage_wanted"]) == pytest.approx(made.wanted, abs=1e-6)
        states = patch_states(row["patches"])
        np.testing.assert_array_equal(states == 2, occluded_patches(mask > 0))
        np.testing.assert_array_equal(states == 1, border_patches(mask > 0))
        kept = tuple(row[key] for key in ("source", "split", "seed", "protocol", "subject"))
        assert kept == ("drawn", "val", "7", "procedural", "somebody")
        lines += f"{row['path']} {row['image_sha256']} {row['mask_sha256']}\n"
    assert record["digest"] == sha256(lines.encode()).hexdigest()
    assert record == json.loads((tmp_path / "set/synthesis.json").read_text())
    assert (record["n"], record["complete"]) == (3, True)
    expected = {"manifest.csv", "synthesis.json", *(row["path"] for row in rows)}
    assert set(files_of(tmp_path / "set")) == expected | {row["mask"] for row in rows}


def test_workers_change_no_byte(tmp_path: Path) -> None:
    faces = drawn_set(66)
    write(tmp_path / "one", faces)
    write(tmp_path / "two", faces, workers=2)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_grey_faces_are_written_grey(tmp_path: Path) -> None:
    write(tmp_path, drawn_set(1))
    with Image.open(tmp_path / "images/drawn/000.png") as picture:
        assert picture.mode == "L"


def test_order_and_limit_change_no_picture(tmp_path: Path) -> None:
    faces = drawn_set(5)
    write(tmp_path / "all", faces)
    write(tmp_path / "first", faces, limit=2)
    write(tmp_path / "turned", some_of(faces, np.arange(5)[::-1]))
    whole = files_of(tmp_path / "all")
    for folder, count in (("first", 2), ("turned", 5)):
        pictures = {path: data for path, data in files_of(tmp_path / folder).items() if "/" in path}
        assert len(pictures) == 2 * count
        assert pictures.items() <= whole.items()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_stopped_run_goes_on_to_the_very_same_files(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "whole")
    done: list[str] = []

    class Stopping(Maker):
        def __call__(self, job: Any) -> Any:
            if len(done) == 3:
                raise error
            done.append(job.path)
            return super().__call__(job)

    with monkeypatch.context() as patched:
        patched.setattr(writing, "Maker", Stopping)
        with pytest.raises(error):
            write(tmp_path / "set")
    left = files_of(tmp_path / "set")
    assert not json.loads(left["synthesis.json"])["complete"]
    assert "manifest.csv" not in left
    redone: list[str] = []

    class Counting(Maker):
        def __call__(self, job: Any) -> Any:
            redone.append(job.path)
            return super().__call__(job)

    with monkeypatch.context() as patched:
        patched.setattr(writing, "Maker", Counting)
        write(tmp_path / "set")
    assert len(redone) == 2 and not set(redone) & set(done)
    assert files_of(tmp_path / "set") == files_of(tmp_path / "whole")


def test_a_torn_journal_and_a_lost_picture_are_made_good(tmp_path: Path) -> None:
    write(tmp_path / "whole")
    write(tmp_path / "set")
    manifest = tmp_path / "set/manifest.csv"
    (tmp_path / "set/manifest.csv.part").write_bytes(manifest.read_bytes()[:-30])
    manifest.unlink()
    (tmp_path / "set/pixels/drawn/001.png").unlink()
    write(tmp_path / "set")
    assert files_of(tmp_path / "set") == files_of(tmp_path / "whole")


def test_a_larger_limit_adds_to_what_is_there_and_a_smaller_takes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "set", limit=2)
    assert write(tmp_path / "set")["n"] == 5
    assert write(tmp_path / "set", limit=1)["n"] == 5
    write(tmp_path / "whole")
    assert files_of(tmp_path / "set") == files_of(tmp_path / "whole")


def test_a_folder_of_other_settings_or_other_things_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "set")
    before = files_of(tmp_path / "set")
    with pytest.raises(DataError, match="seed: 7 there, 8 now"):
        write(tmp_path / "set", settings=Settings("procedural", seed=8))
    with pytest.raises(DataError, match="protocol: procedural there, eyes now"):
        write(tmp_path / "set", settings=Settings("eyes"))
    assert files_of(tmp_path / "set") == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not empty"):
        write(tmp_path / "other")
    (tmp_path / "set/synthesis.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        write(tmp_path / "set")


def test_two_runs_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with held(tmp_path / "set", "a synthesis"), pytest.raises(InUseError, match="a synthesis"):
        write(tmp_path / "set")


def test_a_set_without_faces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no face of split val"):
        write(tmp_path / "set", some_of(drawn_set(2), np.arange(0)))


def test_faces_of_several_sets_follow_each_other(tmp_path: Path) -> None:
    sets = [drawn_set(2, 48, "small"), drawn_set(2, 112, "large")]
    record = synthesize(sets, tmp_path, SETTINGS, name="both", split="train")
    assert record["n"] == 4
    assert (tmp_path / "images/small/001.png").exists()
    assert (tmp_path / "images/large/001.png").exists()


def test_heat_is_asked_for_one_face_at_a_time(tmp_path: Path) -> None:
    shapes = []

    def heat(faces: np.ndarray) -> np.ndarray:
        shapes.append(faces.shape)
        return np.tile(np.eye(14), (len(faces), 1, 1))

    settings = Settings("grad-cam", share=7)
    record = write(tmp_path, settings=settings, heat=HeatMaps(heat, "abc"))
    assert shapes == [(1, 112, 112, 3)] * 5
    assert record["settings"]["network"] == "abc"
    mask = np.asarray(Image.open(tmp_path / "pixels/drawn/000.png"))
    np.testing.assert_array_equal(occluded_patches(mask > 0), np.eye(14, dtype=bool))


NAMES = [
    "caf\udce9.png", "half \ud83d.png", "two\nlines\r\n.png", "=1+1.png", "a,\"b\".png",
    "\N{SMILING FACE WITH SUNGLASSES}.png", "x" * 300 + ".png", "x" * 300 + "y.png",
    "\N{HANGUL SYLLABLE GA}" * 100, "C:\\me.png", "aux.png", "COM1", "folder./a.png",
]  # fmt: skip


def test_names_that_no_encoder_or_file_system_takes_stop_nothing(tmp_path: Path) -> None:
    faces = replace(drawn_set(len(NAMES)), names=NAMES, subjects=NAMES)
    write(tmp_path / "whole", faces)
    rows = read_rows((tmp_path / "whole" / "manifest.csv").read_bytes().decode())
    assert [row.id for row in rows] == [utf8_text(name) for name in NAMES]
    assert len({row.path.lower() for row in rows}) == len(NAMES)
    for row in rows:
        assert (tmp_path / "whole" / row.path).is_file()
        for part in row.path.split("/"):
            assert len(part.encode()) <= 255 - len(".partial")
            assert not part.endswith((".", " ")) and part.partition(".")[0].upper() not in DEVICES
    write(tmp_path / "set", faces, limit=5)
    write(tmp_path / "set", faces)
    assert files_of(tmp_path / "set") == files_of(tmp_path / "whole")


def test_each_face_gets_a_safe_path_of_its_own() -> None:
    names = ["a.jpg", "A.png", "x/b.jpg", "../c.png", "fer2013.csv#12", "no ending", "ü:*.webp"]
    paths = picture_paths(["s"] * len(names), names)
    assert paths == [
        "images/s/a.png",
        "images/s/A~2.png",
        "images/s/x/b.png",
        "images/s/c.png",
        "images/s/fer2013.csv_12.png",
        "images/s/no_ending.png",
        "images/s/ü_.png",
    ]
