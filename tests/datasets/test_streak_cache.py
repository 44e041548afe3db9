from pathlib import Path

import numpy as np
import pytest

from helpers import drawn_face
from latent_ofer.datasets.faces import Faces
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.streak_cache import pool_streaks

WIDTH = 22


def photos(width: int = WIDTH) -> FacePool:
    """Three photos: of the first two nothing is known, the left of the last is replicated."""
    drawn = [drawn_face(seed=seed) for seed in range(3)]
    images = np.stack([face for face, _ in drawn])
    images[:, :, :width] = images[:, :, width : width + 1]
    rows = [
        {"source": "utkface", **({"inside": inside} if inside else {})}
        for inside in ("", "1", f"{1 - width / 112}")
    ]
    names = [f"images/utkface/{i}.webp" for i in range(3)]
    faces = Faces(names, images, np.stack([points for _, points in drawn]), rows)
    return FacePool([faces.as_face_set()])


def test_streaks_are_looked_for_where_the_share_of_photo_is_known(tmp_path: Path) -> None:
    found = pool_streaks(photos(), tmp_path).reshape(3, 14, 14)
    assert not found[:2].any()
    assert found[2, :, :2].mean() > 0.9 and found[2, :, 4:].mean() < 0.1


def test_they_are_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pool_streaks(photos(), tmp_path)
    monkeypatch.delattr("latent_ofer.datasets.streak_cache.streak_patches")
    assert np.array_equal(pool_streaks(photos(), tmp_path), first)


def test_other_pictures_of_the_same_names_are_looked_at_anew(tmp_path: Path) -> None:
    first = pool_streaks(photos(), tmp_path)
    second = pool_streaks(photos(width=40), tmp_path)
    assert second.sum() > first.sum()
