"""Training of the `labelled` detector on drawn faces, with and without a table of covers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from archives import write_archives, write_recipes
from latent_ofer.datasets.covers import COVERS, TYPES, read_covers
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector.dev import FALSE_POSITIVES, apply, read_dev
from latent_ofer.detector.train_labelled import (
    STAGE,
    START_PREFIX,
    RealDev,
    face_scores,
    load_labelled,
    real_dev,
    train_labelled,
)
from latent_ofer.files import file_sha256
from latent_ofer.training.checkpoint import load_weights
from latent_ofer.training.how import How
from latent_ofer.training.start import keep_start

LOOKS = [("hand", "hand"), ("", ""), ("glasses", "glasses"), ("", ""), ("hair+hand", "hair")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_recipes(tmp_path_factory.mktemp("recipes")))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, data: Path, config: str) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train_labelled(Sources(data, folder / "cache"), folder, config, How())
    return folder


@pytest.fixture(scope="module")
def tabled(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """The same archives with a table of what covers the dev faces beside them."""
    folder = tmp_path_factory.mktemp("tabled")
    for archive in data.glob("*.zip"):
        shutil.copy(archive, folder)
    lines = ["split,source,file,pass_a,pass_b"]
    keys = Sources(folder, folder / "cache").pool("dev").keys
    for (source, name), (first, second) in zip(keys, LOOKS, strict=False):
        lines.append(f"dev,{source},{name},{first},{second}")
    lines.append(f"valid,{keys[-1][0]},{keys[-1][1]},hand,hand")
    (folder / COVERS).write_text("\n".join(lines) + "\n")
    return Sources(folder, folder / "cache")


def test_it_trains_where_no_table_knows_any_of_the_faces(runs: Path, config: str) -> None:
    weights = load_weights(runs / STAGE)
    assert weights.about["parents"] == {}
    assert sorted(weights.about["data"]) == [
        *("cover_outlines.csv", "covers.csv"),
        *("faces.zip", "ferplus.zip", "occluders.zip"),
    ]
    assert set(weights.about["dev_auroc"]) == {"colour", "grey"}
    (line,) = (runs / STAGE / "log.jsonl").read_text().splitlines()
    figures = json.loads(line)
    assert figures["loss"] > 0
    assert 0 <= figures["dev_auroc_colour"] <= 1 and 0 <= figures["dev_auroc_grey"] <= 1
    assert not [name for name in figures if "found" in name]
    model = load_labelled(runs, config)
    assert not model.training and not any(p.requires_grad for p in model.parameters())
    scores, types = model.typed(torch.rand(2, 3, 112, 112))
    assert scores.shape == (2, 196) and types.shape == (2, len(TYPES), 196)


def test_it_starts_from_released_weights_where_they_are_given(
    runs: Path, data: Path, tmp_path: Path
) -> None:
    still = write_recipes(tmp_path / "recipes")
    recipe = still / f"{STAGE}.yaml"
    recipe.write_text(recipe.read_text().replace("0.001", "0.0000000001"))
    trained = load_weights(runs / STAGE).tensors
    (tmp_path / "weights").mkdir()
    released = tmp_path / "weights" / "model.safetensors"
    save_file({START_PREFIX + name: value for name, value in trained.items()}, released)
    released.with_name("manifest.json").write_text("{}")
    keep_start(released, tmp_path / "runs")
    train_labelled(Sources(data, runs / "cache"), tmp_path / "runs", str(still), How())
    further = load_weights(tmp_path / "runs" / STAGE)
    assert further.about["start"] == file_sha256(released)
    for name in ("place", "kinds.weight", "stem.0.0.weight"):
        assert torch.allclose(further.tensors[name], trained[name], atol=1e-6)


def test_a_finished_training_is_resumed_to_the_same_weights(
    runs: Path, data: Path, config: str
) -> None:
    before = load_weights(runs / STAGE).tensors
    train_labelled(Sources(data, runs / "cache"), runs, config, How(resume=True))
    after = load_weights(runs / STAGE).tensors
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_thresholds_rest_on_clean_dev_faces(runs: Path, data: Path, config: str) -> None:
    model = load_labelled(runs, config)
    dev = read_dev(Sources(data, runs / "cache"))
    for kind, limit in (("colour", model.threshold_colour), ("grey", model.threshold_grey)):
        scores = apply(model.probability, dev[kind].clean).numpy()[~dev[kind].clean_streaks]
        above = int((scores > float(limit)).sum())
        assert above == pytest.approx(FALSE_POSITIVES[kind] * len(scores), abs=1)


def brightness(faces: Tensor) -> Tensor:
    return faces.reshape(len(faces), 3, 14, 8, 14, 8).mean((1, 3, 5)).flatten(1)


def area(high: list[float], low: list[float]) -> float:
    won = sum((one > other) + (one == other) / 2 for one in high for other in low)
    return won / (len(high) * len(low))


def test_real_dev_figures_are_those_of_a_slow_count(tabled: Sources) -> None:
    pool = tabled.pool("dev")
    real = real_dev(tabled)
    assert real is not None and len(real.faces) == len(LOOKS)
    faces = torch.from_numpy(pool.batch(np.arange(len(LOOKS)))).permute(0, 3, 1, 2) / 255
    fourth = [sorted(row.tolist())[-4] for row in brightness(faces)]
    nothing = [fourth[1], fourth[3]]
    figures = real.figures(brightness)
    limit = max(nothing)
    # The fifth face is covered by hair; only one of the looks saw a hand there.
    for name, rows in (("hand", [0]), ("glasses", [2]), ("others", [4])):
        here = [fourth[row] for row in rows]
        assert figures[f"dev_{name}"] == pytest.approx(area(here, nothing))
        assert figures[f"dev_{name}_found"] == np.mean([score > limit for score in here])
    assert set(figures) == {
        f"dev_{name}{end}" for name in ("hand", "glasses", "others") for end in ("", "_found")
    }
    assert real.auroc(brightness) == pytest.approx(area([fourth[0], fourth[4]], nothing))


def test_only_covers_that_dev_faces_have_are_reported(tabled: Sources) -> None:
    covers = read_covers(tabled.data / COVERS, "dev")
    bare = {face: cover for face, cover in covers.items() if not cover.named}
    assert RealDev(tabled.pool("dev"), bare).figures(brightness) == {}
    assert real_dev(Sources(tabled.cache, tabled.cache)) is None


def test_a_face_scores_as_its_fourth_highest_patch() -> None:
    patches = np.array([[1, 9, 5, 7, 3, 8], [0, 0, 0, 1, 1, 1]], dtype=np.float32)
    assert face_scores(patches).tolist() == [5, 0]
