import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from detector_baselines import (
    KINDS,
    NAMES,
    STAGE,
    load_detector_baselines,
    pixel_vectors,
    train_detector_baselines,
)
from one_class_svm import fit_svm
from patch_svdd import (
    NEIGHBOURS,
    PatchSVDD,
    inputs_of,
    moves,
    patch_svdd_loss,
    windows_of_photo,
)
from position_gaussian import fit_gaussian, shrunk_covariance
from sklearn.svm import OneClassSVM as Solver
from train_baselines import STAGES

from archives import write_archives, write_recipes
from latent_ofer.cli.main import main
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import read_dev
from latent_ofer.encoder.mae import MEAN, STD
from latent_ofer.encoder.train import train_mae
from latent_ofer.errors import StaleError, WeightsError
from latent_ofer.training.checkpoint import load_weights, save_weights
from latent_ofer.training.how import How

RECIPE = """
faces: 12
svm_latents: 100
svm_nu: 0.2
svm_gamma: 1
patch_width: 4
patch_out: 6
patch_bank: 50
patch_compactness: 0.01
epochs: 2
batch_size: 4
learning_rate: 0.001
bf16: false
"""


def test_gaussians_measure_mahalanobis_distances_at_each_place() -> None:
    rng = np.random.default_rng(0)
    clean = rng.normal(0, 1, (40, 3, 5)).astype(np.float32) @ rng.normal(0, 1, (5, 5))
    clean[:, 1] += 7
    used = rng.random((40, 3)) < 0.8
    model = fit_gaussian(clean.astype(np.float32), used)
    new = rng.normal(3, 2, (4, 3, 5)).astype(np.float32)
    scores = model(torch.from_numpy(new)).numpy()
    for face in range(4):
        for place in range(3):
            here = clean[used[:, place], place].astype(np.float32).astype(np.float64)
            away = new[face, place] - here.mean(axis=0)
            squared = away @ np.linalg.inv(shrunk_covariance(here)) @ away
            assert scores[face, place] == pytest.approx(np.sqrt(squared), rel=1e-3)


def test_gaussians_bear_grey_faces_whose_channels_are_equal() -> None:
    rng = np.random.default_rng(0)
    grey = rng.random((30, 2, 4, 1)).repeat(3, axis=3).reshape(30, 2, 12).astype(np.float32)
    model = fit_gaussian(grey, np.ones((30, 2), dtype=bool))
    inside, outside = model(torch.from_numpy(grey)), model(torch.from_numpy(grey + 3))
    assert torch.isfinite(inside).all()
    assert inside.max() < outside.min()


def test_svm_scores_are_those_of_scikit_learn_turned_round() -> None:
    rng = np.random.default_rng(0)
    clean = rng.normal(0, 1, (80, 6)).astype(np.float32)
    new = rng.normal(0, 2, (20, 5, 6)).astype(np.float32)
    gamma = 2 / (6 * clean.var())
    expected = -Solver(nu=0.3, gamma=gamma).fit(clean).decision_function(new.reshape(-1, 6))
    scores = fit_svm(clean, nu=0.3, gamma=2.0)(torch.from_numpy(new)).numpy()
    assert scores.ravel() == pytest.approx(expected, abs=1e-4)
    assert scores.min() < 0 < scores.max()


def test_pixel_vectors_are_the_levels_of_each_patch_row_by_row() -> None:
    faces = torch.rand(2, 3, 28, 28)
    vectors = pixel_vectors(faces)
    assert vectors.shape == (2, 196, 12)
    for place in (0, 1, 14, 195):
        y, x = 2 * (place // 14), 2 * (place % 14)
        assert torch.equal(vectors[1, place], faces[1, :, y : y + 2, x : x + 2].flatten())


def test_windows_of_patch_svdd_see_sixteen_pixels_and_nothing_else() -> None:
    torch.manual_seed(0)
    model = PatchSVDD(4, 6, 10)
    faces = torch.rand(1, 3, 112, 112)
    level = (faces - MEAN) / STD
    features = model.features(faces)
    for row, column in ((1, 1), (5, 12), (12, 3)):
        y, x = 8 * row - 4, 8 * column - 4
        alone = model.encoder(level[:, :, y : y + 16, x : x + 16])
        assert torch.allclose(features[0, 14 * row + column], alone.flatten(), atol=1e-5)
    assert model.windows(faces).shape == (1, 27, 27, 6)


def test_moves_are_differences_to_the_eight_neighbours() -> None:
    features = torch.rand(2, 6, 7, 3)
    for step in (1, 2):
        got = moves(features, step)
        assert got.shape == (8, 2, 6 - 2 * step, 7 - 2 * step, 3)
        for number, (y, x) in enumerate(NEIGHBOURS):
            there = features[:, step + step * y, step + step * x]
            assert torch.equal(got[number, :, 0, 0], there - features[:, step, step])


def test_patch_svdd_scores_are_distances_from_the_nearest_of_the_bank() -> None:
    torch.manual_seed(0)
    model = PatchSVDD(4, 6, 10)
    faces = torch.rand(9, 3, 112, 112)
    model.bank.copy_(model.features(faces[:1])[0, :10].detach() + 0.01 * torch.rand(10, 6))
    expected = torch.cdist(model.features(faces), model.bank[None]).amin(2)
    assert torch.allclose(model(faces), expected, atol=1e-3)


def test_both_parts_of_the_loss_of_patch_svdd_teach_the_encoder() -> None:
    torch.manual_seed(0)
    model = PatchSVDD(4, 6, 10)
    faces = torch.rand(1, 3, 112, 112)
    photo = torch.ones(1, 196, dtype=torch.bool)
    loss, figures = patch_svdd_loss(model, inputs_of(faces, photo), 0.5)
    assert loss.item() == pytest.approx(figures["position"] + 0.5 * figures["distance"])
    assert figures["position"] == pytest.approx(np.log(8), abs=0.2)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(10):
        optimiser.zero_grad()
        loss, later = patch_svdd_loss(model, inputs_of(faces, photo), 0.5)
        loss.backward()
        optimiser.step()
    assert later["position"] < figures["position"]


def test_windows_that_touch_a_patch_which_does_not_count_teach_nothing() -> None:
    torch.manual_seed(0)
    model = PatchSVDD(4, 6, 10)
    photo = torch.ones(1, 196, dtype=torch.bool)
    photo[0, :28] = False  # the two uppermost rows: 16 px
    faces = torch.rand(1, 3, 112, 112)
    altered = faces.clone()
    altered[:, :, :16] = torch.rand(1, 3, 16, 112)
    whole = torch.ones_like(photo)
    losses = [patch_svdd_loss(model, inputs_of(some, photo), 0.5)[0] for some in (faces, altered)]
    assert torch.equal(*losses)
    assert not torch.equal(
        *(patch_svdd_loss(model, inputs_of(some, whole), 0.5)[0] for some in (faces, altered))
    )
    # All windows below are still there: those that begin at 16 px, four rows lost to the margin.
    assert windows_of_photo(photo)[0].sum(1).tolist() == [0] * 5 + [27] * 22


def test_without_scikit_learn_training_says_what_to_install_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    data = write_archives(tmp_path / "data")
    with pytest.raises(SystemExit) as left:
        main(["train", STAGE, "--data", str(data), "--runs", str(tmp_path / "runs")], STAGES)
    assert left.value.code == 2
    said = capsys.readouterr().err.strip()
    assert "scikit-learn" in said and 'pip install "latent-ofer[evaluate]"' in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "runs" / STAGE).exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sources, Path, str]:
    folder = tmp_path_factory.mktemp("baselines")
    config = write_recipes(folder / "tiny")
    (config / f"{STAGE}.yaml").write_text(RECIPE)
    sources = Sources(write_archives(folder / "data"), folder / "cache")
    runs = folder / "runs"
    train_mae(sources, runs, str(config), How())
    train_detector_baselines(sources, runs, str(config), How())
    return sources, runs, str(config)


def test_thresholds_let_few_patches_of_clean_dev_faces_pass(
    trained: tuple[Sources, Path, str],
) -> None:
    sources, runs, config = trained
    baselines = load_detector_baselines(runs, config)
    dev = read_dev(sources)
    for column, kind in enumerate(KINDS):
        scores = baselines.score(dev[kind].clean)
        photo = ~dev[kind].clean_streaks.reshape(-1, 14, 14)
        assert tuple(scores) == NAMES
        for row, name in enumerate(NAMES):
            assert scores[name].shape == (len(dev[kind].clean), 14, 14)
            above = (scores[name][photo] > float(baselines.thresholds[row, column])).mean()
            assert 0 < above <= 0.0101, (name, kind)


def test_training_notes_how_well_each_does_on_dev(trained: tuple[Sources, Path, str]) -> None:
    _, runs, _ = trained
    about = load_weights(runs / STAGE).about
    assert list(about["parents"]) == ["mae"]
    assert tuple(about["dev_auroc"]) == NAMES
    assert all(0 <= area[kind] <= 1 for area in about["dev_auroc"].values() for kind in KINDS)


def test_a_finished_training_is_resumed_to_the_same_weights(
    trained: tuple[Sources, Path, str],
) -> None:
    sources, runs, config = trained
    before = load_weights(runs / STAGE).tensors
    train_detector_baselines(sources, runs, config, How(resume=True))
    after = load_weights(runs / STAGE).tensors
    assert before.keys() == after.keys()
    assert not any(name.startswith("mae") for name in after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_baselines_of_another_encoder_or_untrained_ones_are_refused(
    trained: tuple[Sources, Path, str], tmp_path: Path
) -> None:
    _, runs, config = trained
    with pytest.raises(WeightsError, match="train_baselines.py detector_baselines"):
        load_detector_baselines(tmp_path, config)
    weights = load_weights(runs / "mae")
    changed = {name: value + 0.5 for name, value in weights.tensors.items()}
    try:
        save_weights(runs / "mae", changed, weights.about)
        with pytest.raises(StaleError, match="train detector_baselines"):
            load_detector_baselines(runs, config)
    finally:
        save_weights(runs / "mae", weights.tensors, weights.about)
