"""Occluded, detected, repaired copies of the recogniser's training faces."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from torch.nn import functional as F

from archives import write_archives
from fakes import RED
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.recogniser.copies import augmented, pool_with_copies
from latent_ofer.training.recipe import Recipe

Faces = NDArray[np.uint8]
ABOUT = {"data": {"ferplus.zip": "a"}, "parents": {"detector": "b", "reconstructor": "c"}}


def painted(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    """Red in a quarter of each face, another one from face to face."""
    masks = np.zeros((len(faces), 14, 14), dtype=np.bool_)
    for row in range(len(faces)):
        masks[row, 7 * (row % 2) :, :][:7, 7 * (row // 2 % 2) :][:, :7] = True
    pixels = masks.repeat(8, axis=1).repeat(8, axis=2)
    return np.where(pixels[..., None], RED, faces), masks


def untouched(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
    return faces, np.zeros((len(faces), 14, 14), dtype=np.bool_)


def test_copies_are_made_once_and_again_for_other_faces_of_the_same_data(tmp_path: Path) -> None:
    class Fewer(Sources):
        """As if the split were another one."""

        def labelled(self, split: object) -> FacePool:
            pool = super().labelled("train")
            return pool.take(np.arange(1, len(pool)))

    data, made = write_archives(tmp_path / "data"), []

    def counted(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
        made.append(len(faces))
        return untouched(faces)

    for kind in (Sources, Sources, Fewer, Fewer):
        pool_with_copies(kind(data, tmp_path / "cache"), "train", ABOUT, counted, 3, seed=0)
    assert made == [3, 3]


@pytest.mark.parametrize(
    ("stage", "again"),
    [("detector", True), ("detector_labelled", True), ("reconstructor", True), ("mae", False)],
)
def test_copies_are_made_again_where_another_network_finds_or_repairs(
    stage: str, again: bool, tmp_path: Path
) -> None:
    made = []

    def counted(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
        made.append(len(faces))
        return untouched(faces)

    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    parents = dict.fromkeys(("mae", "detector", "detector_labelled", "reconstructor"), "a")
    for parent in (parents, {**parents, stage: "b"}):
        about = {"data": {"ferplus.zip": "a"}, "parents": parent}
        pool_with_copies(sources, "train", about, counted, 2, seed=0)
    assert made == ([2, 2] if again else [2])


def test_a_copy_comes_with_its_own_repaired_face_and_mask_and_a_clean_face_with_none(
    tmp_path: Path,
) -> None:
    given: list[tuple[Faces, NDArray[np.bool_]]] = []

    def kept(faces: Faces) -> tuple[Faces, NDArray[np.bool_]]:
        given.append(painted(faces))
        return given[-1]

    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    for _ in range(2):  # from the repair, then from the file
        pool = pool_with_copies(sources, "train", ABOUT, kept, 6, seed=0)
        ((repaired, masks),) = given
        clean = len(pool.clean)
        rows = np.array([clean + 4, 0, clean, 3])
        faces, hidden, targets = pool.batch(rows)
        pixels = np.rint(faces.numpy().transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        assert np.array_equal(pixels[[0, 2]], repaired[[4, 0]])
        assert np.array_equal(hidden.numpy()[[0, 2]], masks[[4, 0]])
        assert np.array_equal(pixels[[1, 3]], pool.clean.batch(rows[[1, 3]]))
        assert not hidden[[1, 3]].any()
        assert np.array_equal(targets.numpy(), pool.clean.targets[[4, 0, 0, 3]])


def test_moved_faces_take_their_masks_with_them(tmp_path: Path) -> None:
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=0.001)
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    pool = pool_with_copies(sources, "train", ABOUT, painted, 6, seed=0)
    found = 0
    for _, (faces, masks, _) in augmented(pool, recipe, 0, np.random.default_rng(0)):
        red = F.avg_pool2d((faces[:, :1] - faces[:, 1:2] > 0.3).float(), 8)[:, 0]
        # Patches at the edge of the red, which is moved by parts of a patch, may be either.
        assert ((red > 0.6) <= masks).all() and (masks <= (red > 0)).all()
        found += int(masks.any(dim=(1, 2)).sum())
    assert found >= 2
