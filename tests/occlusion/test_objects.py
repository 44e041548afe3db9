"""Cut-outs: reading them and laying them over faces."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from helpers import drawn_face
from latent_ofer.errors import DataError
from latent_ofer.occlusion.objects import DEV_CATEGORIES, Cutout, load_cutouts, paste_object

HEADER = "path,split,category,anchor,source,width,height,mean_alpha_coverage\n"
ROWS = (
    ("train/cup/a.png", "train", "cup", "mouth"),
    ("train/ball/b.png", "train", "ball", "any"),
    ("val/hand/c.png", "val", "hand", "any"),
)


def disc(colour=(200, 40, 40), width=90, height=80) -> np.ndarray:
    picture = Image.new("RGBA", (width, height))
    ImageDraw.Draw(picture).ellipse([2, 2, width - 3, height - 3], fill=(*colour, 255))
    return np.array(picture)


def cutout(anchor="mouth", **kwargs) -> Cutout:
    return Cutout(disc(**kwargs), "ball", anchor, "ball.png")


def encoded(rgba: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(rgba).save(data, "PNG")
    return data.getvalue()


def written(path: Path, rows=ROWS, files=ROWS, picture: bytes | None = None) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("index.csv", HEADER + "".join(",".join(r) + ",x,9,9,0.7\n" for r in rows))
        for row in files:
            archive.writestr(row[0], encoded(disc()) if picture is None else picture)
    return path


def test_an_archive_gives_the_cutouts_of_one_split(tmp_path):
    path = written(tmp_path / "occluders.zip")
    cutouts = load_cutouts(path, "train")
    assert [(c.category, c.anchor, c.name) for c in cutouts] == [
        ("cup", "mouth", "train/cup/a.png"),
        ("ball", "any", "train/ball/b.png"),
    ]
    np.testing.assert_array_equal(cutouts[0].rgba, disc())


def test_categories_can_be_asked_for_and_left_out(tmp_path):
    path = written(tmp_path / "occluders.zip")
    assert [c.category for c in load_cutouts(path, "train", DEV_CATEGORIES)] == ["cup"]
    assert [c.category for c in load_cutouts(path, "train", exclude=DEV_CATEGORIES)] == ["ball"]


def test_an_unpacked_archive_reads_like_the_archive(tmp_path):
    path = written(tmp_path / "occluders.zip")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    folder, packed = load_cutouts(tmp_path / "folder", "val"), load_cutouts(path, "val")
    assert [c.name for c in folder] == [c.name for c in packed] == ["val/hand/c.png"]
    np.testing.assert_array_equal(folder[0].rgba, packed[0].rgba)


def test_a_plain_folder_takes_its_categories_from_subfolders(tmp_path):
    for category in ("scarf", "book"):
        (tmp_path / category).mkdir()
        (tmp_path / category / "1.png").write_bytes(encoded(disc()))
    cutouts = load_cutouts(tmp_path, "train", exclude=frozenset({"book"}))
    assert [(c.category, c.anchor, c.name) for c in cutouts] == [("scarf", "any", "scarf/1.png")]


def test_what_cannot_be_read_is_refused_by_name(tmp_path):
    opaque = encoded(disc()[..., :3])
    (tmp_path / "not.zip").write_text("no")
    (tmp_path / "empty").mkdir()
    strange = (("train/cup/a.png", "train", "cup", "elbow"),)
    cases = [
        (tmp_path / "missing.zip", "no such file"),
        (tmp_path / "not.zip", "not a readable zip"),
        (tmp_path / "empty", "holds no cut-out"),
        (written(tmp_path / "1.zip", files=ROWS[1:]), "train/cup/a.png"),
        (written(tmp_path / "2.zip", rows=()), "index.csv needs"),
        (written(tmp_path / "3.zip", picture=b"broken"), "cannot be read"),
        (written(tmp_path / "4.zip", picture=opaque), "no transparency"),
        (written(tmp_path / "5.zip", picture=encoded(0 * disc())), "transparent everywhere"),
        (written(tmp_path / "6.zip", rows=strange), "elbow"),
    ]
    for path, message in cases:
        with pytest.raises(DataError, match=message):
            load_cutouts(path, "train")
    with pytest.raises(DataError, match="'test'"):
        load_cutouts(written(tmp_path / "7.zip"), "test")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["eyes", "mouth", "nose"]), st.floats(0.05, 0.4))
def test_the_coverage_asked_for_is_reached_within_a_point(seed, anchor, share):
    face, landmarks = drawn_face()
    rng = np.random.default_rng(seed)
    _, covered = paste_object(face, landmarks, cutout(anchor), rng, coverage=(share, share))
    assert abs(covered.mean() - share) < 0.01


def test_pixels_away_from_the_object_stay_and_covered_ones_show_it():
    face, landmarks = drawn_face()
    rng = np.random.default_rng(3)
    pasted, covered = paste_object(face, landmarks, cutout(colour=(0, 255, 0)), rng)
    changed = (pasted != face).any(axis=-1)
    grown = np.asarray(Image.fromarray(covered).convert("L").resize((112, 112))) > 0
    for shift in range(1, 5):
        for axis in (0, 1):
            grown = grown | np.roll(covered, shift, axis) | np.roll(covered, -shift, axis)
    assert changed[covered].mean() > 0.99
    assert not (changed & ~grown).any()
    inner = pasted[covered].astype(int).mean(axis=0)
    assert inner[1] > inner[0] + 80 and inner[1] > inner[2] + 80


@pytest.mark.parametrize(("anchor", "expected"), [("eyes", (55.5, 42.28)), ("mouth", (55.5, 84.6))])
def test_the_object_lies_about_its_anchor(anchor, expected):
    face, landmarks = drawn_face()
    middles = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        _, covered = paste_object(face, landmarks, cutout(anchor), rng, coverage=(0.05, 0.06))
        middles.append(np.argwhere(covered).mean(axis=0)[::-1])
    assert np.abs(np.mean(middles, axis=0) - expected).max() < 2
    assert 2.5 < np.std(middles, axis=0).mean() < 5.5


def test_worn_objects_follow_the_roll_of_the_face():
    face, _ = drawn_face()
    turn = np.deg2rad(25)
    eyes = 20 * np.array([[-np.cos(turn), -np.sin(turn)], [np.cos(turn), np.sin(turn)]])
    landmarks = np.concatenate([eyes, np.zeros((3, 2))]) + 55.5
    bar = Cutout(np.full((20, 200, 4), 255, np.uint8), "glasses", "eyes", "bar.png")
    angles = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        _, covered = paste_object(face, landmarks, bar, rng, coverage=(0.06, 0.07))
        y, x = np.nonzero(covered)
        angles.append(np.rad2deg(np.arctan(np.polyfit(x, y, 1)[0])))
    assert abs(np.mean(angles) - 25) < 5
    assert np.ptp(angles) < 20


def test_a_small_face_is_composed_small_and_resized_as_a_whole():
    face, landmarks = drawn_face(48)
    grey = np.repeat(face.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    pasted, covered = paste_object(
        grey, landmarks, cutout(), np.random.default_rng(1), grey=True, coverage=(0.2, 0.2)
    )
    assert pasted.shape == (112, 112, 3) and covered.shape == (112, 112)
    assert abs(covered.mean() - 0.2) < 0.01
    assert (np.ptp(pasted.astype(int), axis=2) == 0).all()
    resized = np.asarray(Image.fromarray(grey).resize((112, 112), Image.Resampling.BICUBIC))
    assert (pasted[:20] == resized[:20]).all()


def test_light_varies_and_the_tone_moves_a_tenth_towards_the_face():
    face = np.full((112, 112, 3), 250, np.uint8)
    landmarks = drawn_face()[1]
    values = [
        paste_object(face, landmarks, cutout(colour=(100, 100, 100)), np.random.default_rng(seed))
        for seed in range(60)
    ]
    inside = np.array([np.median(pasted[covered]) for pasted, covered in values])
    # brightness b in 0.7-1.3: 0.9 * 100 b + 25, a little more for the blended edge
    assert inside.min() > 86 and inside.max() < 146
    assert np.ptp(inside) > 35


def test_the_same_generator_gives_the_same_face():
    face, landmarks = drawn_face()
    before = face.copy()
    first, again = (
        paste_object(face, landmarks, cutout("any"), np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    np.testing.assert_array_equal(face, before)
