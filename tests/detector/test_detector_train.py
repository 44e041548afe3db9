import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archives import of_split
from helpers import drawn_face
from latent_ofer.arrays import is_grey
from latent_ofer.datasets.pool import FacePool, protocol_copy
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import DEV_SEED, DevFaces, apply, read_dev, set_thresholds
from latent_ofer.detector.one_class import KINDS
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.train import load_detector, train_detector
from latent_ofer.detector.train_one_class import LEAST_SCALE
from latent_ofer.detector.train_regions import suspects
from latent_ofer.encoder.train import MaeRecipe, load_mae, train_mae
from latent_ofer.errors import StaleError
from latent_ofer.occlusion.cutouts import load_cutouts
from latent_ofer.training.checkpoint import load_state, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

MAE = """
dim: 16
depth: 1
heads: 2
decoder_dim: 16
decoder_depth: 1
decoder_heads: 2
epochs: 1
batch_size: 16
learning_rate: 0.001
"""
DETECTOR = """
width: 8
first_epochs: 1
clean: 1
objects: 2
procedural: 1
patchwork: 1
epochs: 1
batch_size: 8
learning_rate: 0.002
hands: 1
blanks: 1
place_width: 8
place_epochs: 1
gaussian_faces: 16
gaussian_kept: 6
"""
LANDMARKS = [f"lm{i}{axis}" for i in range(5) for axis in "xy"]


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def csv_text(rows: list[dict[str, object]]) -> str:
    lines = [",".join(rows[0])] + [",".join(str(value) for value in row.values()) for row in rows]
    return "\n".join(lines)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of drawn faces and discs, laid out like the real ones."""
    folder = tmp_path_factory.mktemp("data")
    with zipfile.ZipFile(folder / "faces.zip", "w") as bundle:
        rows = []
        for i in range(24):
            face, points = drawn_face(seed=i)
            face = of_split(face, "dev" if i % 8 == 0 else "train")
            path = f"images/utkface/{i:04d}.webp"
            bundle.writestr(path, encoded(face))
            place = dict(zip(LANDMARKS, points.ravel().round(1), strict=True))
            rows.append({"path": path, "source": "utkface", "split": "train", **place})
        bundle.writestr("index.csv", csv_text(rows))
    with zipfile.ZipFile(folder / "ferplus.zip", "w") as bundle:
        rows, votes = [], []
        for i in range(24):
            face, points = drawn_face(48, seed=100 + i)
            face = of_split(face[..., 0], "dev" if i % 6 == 0 else "train")
            name = f"fer9{i:06d}.png"
            bundle.writestr(f"FER2013Train/{name}", encoded(face))
            place = dict(zip(LANDMARKS, points.ravel().round(2), strict=True))
            rows.append({"file": f"FER2013Train/{name}", **place, "score": 1})
            votes.append(f'{name},"(0, 0, 48, 48)",10,0,0,0,0,0,0,0,0,0')
        bundle.writestr("FER2013Train/label.csv", "\n".join(votes))
        bundle.writestr("landmarks.csv", csv_text(rows))
        bundle.writestr("twins_of_test.txt", "")
        bundle.writestr("train_twins_of_valid.txt", "")
    with zipfile.ZipFile(folder / "occluders.zip", "w") as bundle:
        disc = np.zeros((60, 60, 4), dtype=np.uint8)
        disc[..., 3] = 255 * (np.hypot(*(np.mgrid[:60, :60] - 29.5)) < 28)
        rows = []
        for green, category in ((255, "ball"), (235, "cup")):
            disc[..., 1] = green
            path = f"train/{category}/0.webp"
            bundle.writestr(path, encoded(disc))
            rows.append({"path": path, "split": "train", "category": category, "anchor": "any"})
        bundle.writestr("index.csv", csv_text(rows))
    return folder


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("recipes")
    (folder / "mae.yaml").write_text(MAE)
    (folder / "detector.yaml").write_text(DETECTOR)
    return str(folder)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Path, config: str) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    sources = Sources(data, folder / "cache")
    train_mae(sources, folder, config, How())
    train_detector(sources, folder, config, How())
    return folder


def test_dev_faces_are_dev_and_their_objects_are_kept_from_training(
    data: Path, tmp_path: Path
) -> None:
    sources = Sources(data, tmp_path)
    dev = read_dev(sources)
    assert (len(dev["colour"].clean), len(dev["grey"].clean)) == (3, 4)
    assert all(faces.covered.any() for faces in dev.values())
    (cup,) = [one for one in load_cutouts(data / "occluders.zip", "train") if one.category == "cup"]
    pool = sources.pool("dev")
    for kind, colour in (("colour", True), ("grey", False)):
        faces = [pool.native(int(row)) for row in np.flatnonzero(pool.colour == colour)]
        copies = {protocol_copy(face, [cup], DEV_SEED)[0].tobytes() for face in faces}
        assert {face.tobytes() for face in dev[kind].occluded} == copies


@pytest.mark.parametrize("colour", [True, False])
def test_faces_of_one_kind_stand_in_for_the_other(data: Path, tmp_path: Path, colour: bool) -> None:
    both = Sources(data, tmp_path)
    pool = both.pool("dev")

    class OneKind(Sources):
        def pool(self, split: object) -> FacePool:
            return pool.take(np.flatnonzero(pool.colour == colour))

    dev = read_dev(OneKind(data, tmp_path))
    assert len(dev["colour"].clean) == len(dev["grey"].clean) == (pool.colour == colour).sum()
    assert is_grey(dev["grey"].clean).all() and is_grey(dev["grey"].occluded).all()
    assert is_grey(dev["colour"].clean).all() != colour


def test_dev_area_is_one_for_scores_that_are_the_labels() -> None:
    covered = np.zeros((2, 112, 112), dtype=bool)
    covered[0, 30:70, 30:70] = True
    covered[1, 3:9, 50:60] = True
    nothing = np.zeros((0, 112, 112, 3), dtype=np.uint8)
    streaks = np.zeros((3, 196), dtype=bool)
    dev = DevFaces(nothing, streaks, nothing, covered)
    share = covered.reshape(2, 14, 8, 14, 8).mean(axis=(2, 4)).reshape(2, 196)
    assert dev.auroc((share >= 0.25).astype(np.float32)) == 1
    # Border patches at either end of the scores change nothing.
    assert dev.auroc(np.where(share > 0, 1, 0).astype(np.float32)) == 1
    # Nor do those of a photo's replicated border.
    streaks[0, 0] = True
    assert dev.auroc(np.where(np.arange(196) == 0, 9, share >= 0.25).astype(np.float32)) < 1
    streaks[1, 0] = True
    assert dev.auroc(np.where(np.arange(196) == 0, 9, share >= 0.25).astype(np.float32)) == 1


def test_thresholds_let_one_grey_patch_in_a_hundred_pass_and_fewer_in_colour() -> None:
    torch.manual_seed(0)
    model = RegionDetector(width=8).eval()
    rng = np.random.default_rng(0)
    nothing = np.zeros((0, 112, 112), dtype=bool)
    dev = {
        kind: DevFaces(
            rng.integers(0, top, (20, 112, 112, 3), np.uint8),
            np.zeros((20, 196), dtype=bool),
            nothing,
            nothing,
        )
        for kind, top in (("colour", 255), ("grey", 60))
    }
    set_thresholds(model, model.probability, dev)
    limits = {"colour": (model.threshold_colour, 0.003), "grey": (model.threshold_grey, 0.01)}
    for kind, (threshold, rate) in limits.items():
        scores = apply(model.probability, dev[kind].clean)
        assert float((scores > threshold).float().mean()) == pytest.approx(rate, abs=0.001)
    assert model.threshold_colour != model.threshold_grey


def test_streaks_have_no_say_in_the_thresholds() -> None:
    streaks = np.zeros((20, 196), dtype=bool)
    streaks[:, :40] = True
    faces = np.zeros((20, 112, 112, 3), dtype=np.uint8)
    nothing = np.zeros((0, 112, 112), dtype=bool)
    dev = dict.fromkeys(("colour", "grey"), DevFaces(faces, streaks, nothing, nothing))
    model = RegionDetector(width=8).eval()
    scores = torch.linspace(1, 0, 196).expand(20, -1)
    set_thresholds(model, lambda batch: scores[: len(batch)], dev)
    # Of 156 places, those of one lie above; those of two would be more than one in a hundred,
    # and those of one more than four in a thousand.
    assert float(model.threshold_grey) == float(scores[0, 41])
    assert float(model.threshold_colour) == float(scores[0, 40])


def test_training_leaves_both_detectors_in_one_file(runs: Path, config: str, data: Path) -> None:
    detectors = load_detector(runs, config)
    faces = torch.rand(2, 3, 112, 112)
    assert detectors.synthetic.probability(faces).shape == (2, 196)
    assert detectors.one_class(faces, torch.randn(2, 196, 16)).shape == (2, 196)
    for model in (detectors.synthetic, detectors.one_class):
        assert not any(p.requires_grad for p in model.parameters())
        assert not model.training
    weights = load_weights(runs / "detector")
    assert not any("mae." in name for name in weights.tensors)
    assert list(weights.about["parents"]) == ["mae"]
    assert sorted(weights.about["data"]) == [
        *("cover_outlines.csv", "covers.csv"),
        *("faces.zip", "ferplus.zip", "occluders.zip"),
    ]
    assert set(weights.about["dev_auroc"]) == {"synthetic", "one-class"}


def test_the_one_class_detector_is_calibrated_on_clean_dev_faces(
    runs: Path, config: str, data: Path
) -> None:
    mae, model = load_mae(runs, config), load_detector(runs, config).one_class
    dev = read_dev(Sources(data, runs / "cache"))
    for number, kind in enumerate(KINDS):
        opinions = apply(
            lambda x: model.opinions(x, mae.encode_early(x, model.blocks)).permute(2, 0, 1, 3),
            dev[kind].clean,
        )[:, :, number]
        standard = (opinions - model.centre[:, number]) / model.scale[:, number]
        assert torch.allclose(standard.mean(0), torch.zeros(2, 196), atol=1e-2)
        spread = standard.std(0, correction=0)[model.scale[:, number] > LEAST_SCALE]
        assert len(spread) and torch.allclose(spread, torch.ones(len(spread)), atol=0.05)


def test_the_place_network_is_kept_when_only_the_encoder_changes(runs: Path) -> None:
    lines = (runs / "detector_place" / "log.jsonl").read_text().splitlines()
    assert len(lines) == 1
    state = load_state(runs / "detector_place")
    assert state is not None and "gaussian" not in state["identity"]


def test_a_first_network_is_trained_beside_the_synthetic_one(runs: Path) -> None:
    assert len((runs / "detector_first" / "log.jsonl").read_text().splitlines()) == 1
    first, state = load_state(runs / "detector_first"), load_state(runs / "detector")
    assert first is not None and state is not None
    assert first["identity"] == state["identity"]


def test_suspects_are_the_patches_of_each_kind_with_the_highest_scores(
    data: Path, tmp_path: Path
) -> None:
    pool = Sources(data, tmp_path).pool("train")
    torch.manual_seed(0)
    model = RegionDetector(8).eval()
    streaks = np.zeros((len(pool), 196), dtype=bool)
    streaks[:, :50] = True
    found = suspects(model, pool, streaks, 0.1)
    scores = apply(model, pool.batch(np.arange(len(pool)))).numpy()
    assert not found[streaks].any()
    for kind in (pool.colour, ~pool.colour):
        counted = ~streaks & kind[:, None]
        assert found[counted].mean() == pytest.approx(0.1, abs=0.002)
        assert scores[counted & found].min() > scores[counted & ~found].max()


def test_each_epoch_logs_dev_figures_of_both_kinds(runs: Path) -> None:
    (line,) = (runs / "detector" / "log.jsonl").read_text().splitlines()
    figures = json.loads(line)
    assert 0 <= figures["dev_auroc_colour"] <= 1 and 0 <= figures["dev_auroc_grey"] <= 1


def test_a_finished_training_is_resumed_to_the_same_weights(
    runs: Path, data: Path, config: str
) -> None:
    before = load_weights(runs / "detector").tensors
    train_detector(Sources(data, runs / "cache"), runs, config, How(resume=True))
    after = load_weights(runs / "detector").tensors
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_detectors_of_another_encoder_are_refused(runs: Path, config: str) -> None:
    weights = load_weights(runs / "mae")
    try:
        fresh = load_recipe(MaeRecipe, config, "mae").build().state_dict()
        save_weights(runs / "mae", fresh, weights.about)
        with pytest.raises(StaleError, match="train detector"):
            load_detector(runs, config)
    finally:
        save_weights(runs / "mae", weights.tensors, weights.about)
