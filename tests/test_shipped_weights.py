"""The weights in the package, on the portrait in the package."""

from importlib.resources import files

import numpy as np
import pytest

from latent_ofer import LatentOFER
from latent_ofer.images.find import FaceFinder
from latent_ofer.images.load import load_image
from latent_ofer.occlusion.procedural import draw_demo_occluder
from latent_ofer.weights_folder import SHIPPED, WeightsFolder


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return load_image(files("latent_ofer").joinpath("assets/portrait.jpg").read_bytes())


@pytest.fixture(scope="module")
def covered(photo: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    (face,) = FaceFinder(threads=1).find(photo)
    return draw_demo_occluder(photo, face.landmarks)


@pytest.fixture(scope="module")
def model() -> LatentOFER:
    return LatentOFER.from_pretrained(threads=1)


def test_the_uncovered_portrait_smiles(model: LatentOFER, photo: np.ndarray) -> None:
    (face,) = model.predict(photo)
    assert face.expression == "happiness"
    assert sum(face.probabilities.values()) == pytest.approx(1)
    assert face.occlusion.ratio < 0.15


def test_the_object_is_found_where_it_lies(
    model: LatentOFER, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    (face,) = model.predict(covered[0])
    rows = np.flatnonzero(face.occlusion.mask.any(axis=1))
    assert face.occlusion.ratio > 0.1
    # The cup hides the mouth, in the lower half of the face.
    assert face.occlusion.mask[9:].mean() > 3 * face.occlusion.mask[:5].mean()
    assert rows.max() >= 10


def test_the_repair_changes_the_hidden_patches_and_nothing_else(
    model: LatentOFER, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    (face,) = model.predict(covered[0])
    hidden = np.kron(face.occlusion.mask, np.ones((8, 8), dtype=bool))
    assert (face.reconstruction[~hidden] == face.face[~hidden]).all()
    assert (face.reconstruction[hidden] != face.face[hidden]).mean() > 0.5


def test_a_face_reads_the_same_alone_and_in_a_batch(
    model: LatentOFER, photo: np.ndarray, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    alone = model.predict(covered[0])[0]
    among = model.predict([photo, covered[0], photo])[1][0]
    assert (alone.occlusion.mask == among.occlusion.mask).all()
    for label, probability in alone.probabilities.items():
        assert among.probabilities[label] == pytest.approx(probability, abs=1e-5)


@pytest.mark.parametrize("detector", WeightsFolder.open(SHIPPED).thresholds)
@pytest.mark.parametrize("recogniser", WeightsFolder.open(SHIPPED).recognisers)
def test_torch_and_onnxruntime_answer_alike(
    detector: str,
    recogniser: str,
    photo: np.ndarray,
    covered: tuple[np.ndarray, np.ndarray],
) -> None:
    pytest.importorskip("torch")
    chosen = {"detector": detector, "recogniser": recogniser, "threads": 1}
    answers = [
        LatentOFER.from_pretrained(backend=name, **chosen).predict([photo, covered[0]])
        for name in ("onnxruntime", "torch")
    ]
    for (one,), (other,) in zip(*answers, strict=True):
        assert one.expression == other.expression
        assert one.occlusion.scores == pytest.approx(other.occlusion.scores, abs=1e-3)
        for label, probability in one.probabilities.items():
            assert other.probabilities[label] == pytest.approx(probability, abs=1e-3)


def test_the_weights_fit_in_sixty_megabytes() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 60_000_000


def test_a_face_gives_the_very_same_answer_alone_and_in_any_batch(
    model: LatentOFER, photo: np.ndarray, covered: tuple[np.ndarray, np.ndarray]
) -> None:
    crops = [covered[0][40:340, 100:400], photo[40:340, 100:400], covered[0], photo]
    together = model.predict(crops, crops=True)
    for size in (1, 3):
        for apart, face in zip(
            model.predict(crops, crops=True, batch_size=size), together, strict=True
        ):
            assert apart[0].to_dict() == face[0].to_dict()
