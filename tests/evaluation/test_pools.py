import numpy as np

from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.evaluation.pools import kinds_of, subset


def photos(count: int, source: str = "utkface", grey: bool = False) -> FaceSet:
    face, points = drawn_face()
    return FaceSet(
        images=np.stack([face] * count),
        landmarks=np.stack([points] * count),
        sources=[source] * count,
        names=[f"{i}.webp" for i in range(count)],
        colour=np.full(count, not grey),
        labels=np.full(count, -1),
        targets=np.zeros((count, 8), dtype=np.float32),
        subjects=[""] * count,
        tags=[{}] * count,
    )


def test_grey_photos_count_only_where_there_is_no_ferplus() -> None:
    colour, grey = photos(3), photos(2, "lfw", grey=True)
    ferplus = photos(2, "ferplus", grey=True)
    assert {k: len(p) for k, p in kinds_of(FacePool([colour, grey, ferplus])).items()} == {
        "colour": 3,
        "grey": 2,
    }
    kinds = kinds_of(FacePool([grey, ferplus]))
    assert {k: p.native(0).source for k, p in kinds.items()} == {"grey": "ferplus"}
    assert kinds_of(FacePool([grey, colour]))["grey"].native(0).source == "lfw"


def test_a_limit_picks_the_same_faces_in_any_order() -> None:
    pool = FacePool([photos(9)])
    turned = pool.take(np.arange(9)[::-1])
    picked, again = (
        {faces.native(row).name for row in range(4)}
        for faces in (subset(pool, 4, seed=1), subset(turned, 4, seed=1))
    )
    assert picked == again
    assert len(subset(pool, None, 1)) == 9
