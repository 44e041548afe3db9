"""Training of the recogniser's CNN: what it sees, and a tiny training from end to end."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from archives import RECIPES, write_archives, write_recipes
from chosen import face_set
from helpers import drawn_face
from latent_ofer.datasets.pool import FacePool, FaceSet
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.masks import HoleBank
from latent_ofer.errors import WeightsError
from latent_ofer.recogniser.cnn import SIDE, ExpressionCNN
from latent_ofer.recogniser.dev_faces import patch_masks, small_faces
from latent_ofer.recogniser.train_cnn import (
    STAGE,
    CnnRecipe,
    augmented,
    load_cnn,
    taught,
    told_patches,
)
from latent_ofer.train_all import STAGES
from latent_ofer.training.checkpoint import MODEL, START, load_weights
from latent_ofer.training.how import How
from latent_ofer.training.recipe import load_recipe

STILL = "rotation: 0\nshear: 0\nzoom: 0\nshift: 0\ncontrast: 0\nbrightness: 0\nboxes: 0\n"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archives(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_recipes(tmp_path_factory.mktemp("recipes")))


@pytest.fixture(scope="module")
def seen() -> dict[int, set[int]]:
    """Sides of the faces that were looked at in training, by the number of the call."""
    return {}


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, data: Path, config: str, seen: dict[int, set[int]]
) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    forward = ExpressionCNN.forward
    calls = 0

    def watched(model: ExpressionCNN, faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal calls
        if model.training:
            seen.setdefault(calls, set()).add(faces.shape[-1])
            calls += 1
        return forward(model, faces, mask)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ExpressionCNN, "forward", watched)
        STAGES[STAGE].train(Sources(data, folder / "cache"), folder, config, How())
    return folder


def recipe(tmp_path: Path, more: str = "") -> CnnRecipe:
    (tmp_path / f"{STAGE}.yaml").write_text(RECIPES[STAGE] + more)
    return load_recipe(CnnRecipe, str(tmp_path), STAGE)


def test_training_leaves_weights_and_logs_dev_figures_of_whole_and_of_hidden_faces(
    runs: Path, config: str
) -> None:
    about = load_weights(runs / STAGE).about
    archives, tables = {"ferplus.zip", "occluders.zip"}, {"covers.csv", "cover_outlines.csv"}
    assert about["data"].keys() == archives | tables
    assert about["parents"] == {}
    lines = [json.loads(line) for line in (runs / STAGE / "log.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1]
    for line in lines:
        assert line["loss"] > 0
        dev = ("dev_accuracy", "dev_accuracy_hidden", "dev_objects", "dev_objects_told")
        for key in ("accuracy", *dev):
            assert 0 <= line[key] <= 1
    model = load_cnn(runs, config)
    assert not model.training and not any(p.requires_grad for p in model.parameters())


def test_the_first_epochs_show_smaller_faces(runs: Path, seen: dict[int, set[int]]) -> None:
    # Two steps an epoch; one of the two epochs is of small faces.
    assert [seen[call] for call in sorted(seen)] == [{28}, {28}, {SIDE}, {SIDE}]


def test_dev_accuracy_is_counted_face_by_face(runs: Path, data: Path, config: str) -> None:
    pool = Sources(data, runs / "cache").labelled("dev")
    model = load_cnn(runs, config)
    faces = small_faces(pool)
    right = []
    for row in np.flatnonzero(pool.labels >= 0):
        face = torch.from_numpy(faces[row])[None, None].float() / 255
        logits, _ = model(face, torch.zeros(1, 14, 14, dtype=torch.bool))
        right.append(int(logits.argmax()) == pool.labels[row])
    last = json.loads((runs / STAGE / "log.jsonl").read_text().splitlines()[-1])
    assert last["dev_accuracy"] == pytest.approx(np.mean(right))


def test_a_finished_training_is_resumed_to_the_same_weights(
    runs: Path, data: Path, config: str
) -> None:
    before = load_weights(runs / STAGE).tensors
    STAGES[STAGE].train(Sources(data, runs / "cache"), runs, config, How(resume=True))
    after = load_weights(runs / STAGE).tensors
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_masks_hide_exactly_as_many_patches_as_asked_for() -> None:
    bank = HoleBank(14, np.random.default_rng(0), each=10)
    counts = np.array([0, 1, 10, 10, 98, 195, 196])
    masks = patch_masks(bank, np.random.default_rng(1), counts)
    assert masks.shape == (7, 14, 14) and masks.dtype == torch.bool
    assert masks.sum((1, 2)).tolist() == counts.tolist()
    assert not torch.equal(masks[2], masks[3])


def colour_set(count: int) -> FaceSet:
    drawn = [drawn_face(seed=50 + seed) for seed in range(count)]
    return FaceSet(
        np.stack([face for face, _ in drawn]),
        np.stack([points for _, points in drawn]),
        np.ones(count, dtype=np.bool_),
        ["photos"] * count,
        [f"{row}.webp" for row in range(count)],
        np.zeros(count, dtype=np.int64),
        np.eye(8, dtype=np.float32)[np.zeros(count, dtype=np.int64)],
        [""] * count,
        [{}] * count,
    )


def slowly_small(face: np.ndarray) -> np.ndarray:
    """A face (112, 112, 3) uint8: rounded luma, then the rounded mean of each 2 x 2 pixels."""
    grey = np.rint(face.astype(float) @ [0.299, 0.587, 0.114])
    out = np.empty((SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            square = grey[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            out[row, column] = np.floor(square.mean() + 0.5)
    return out.astype(np.uint8)


@pytest.mark.parametrize("colour", [True, False])
def test_faces_are_shrunk_by_way_of_the_size_they_have_in_use(colour: bool) -> None:
    pool = FacePool([face_set(3), colour_set(3)] if colour else [face_set(3)])
    found = small_faces(pool)
    assert found.dtype == np.uint8 and found.shape == (len(pool), SIDE, SIDE)
    for face, small in zip(pool.batch(np.arange(len(pool))), found, strict=True):
        assert np.array_equal(small, slowly_small(face))


def test_the_network_sees_in_training_what_it_sees_in_use() -> None:
    pool = FacePool([colour_set(2)])
    torch.manual_seed(0)
    model = ExpressionCNN([8, 8, 8, 8], 2, 4, 0.0).eval()
    nothing = torch.zeros(2, 14, 14, dtype=torch.bool)
    small = torch.from_numpy(small_faces(pool))[:, None].float() / 255
    whole = torch.from_numpy(pool.batch(np.arange(2))).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        # Up to the rounding of the small ones to 256 levels.
        torch.testing.assert_close(
            model(small, nothing)[0], model(whole, nothing)[0], atol=0.05, rtol=0
        )


def some_faces(count: int) -> Tensor:
    return torch.from_numpy(small_faces(FacePool([face_set(count)])))[:, None].float() / 255


@pytest.mark.parametrize("side", [28, 42, SIDE])
def test_changed_faces_have_the_side_asked_for_and_levels_in_range(
    side: int, tmp_path: Path
) -> None:
    faces = some_faces(6)
    found = augmented(faces, side, recipe(tmp_path), torch.Generator().manual_seed(0))
    again = augmented(faces, side, recipe(tmp_path), torch.Generator().manual_seed(0))
    assert found.shape == (6, 1, side, side)
    assert found.min() >= 0 and found.max() <= 1 and found.std() > 0.05
    assert torch.equal(found, again)


def test_without_any_change_a_face_stays_or_is_mirrored(tmp_path: Path) -> None:
    faces = some_faces(16)
    found = augmented(faces, SIDE, recipe(tmp_path, STILL), torch.Generator().manual_seed(0))
    stays = [torch.allclose(one, two, atol=1e-5) for one, two in zip(found, faces, strict=True)]
    turns = [
        torch.allclose(one, two, atol=1e-5) for one, two in zip(found, faces.flip(3), strict=True)
    ]
    assert 0 < sum(stays) < 16 and sum(stays) + sum(turns) == 16


def test_boxes_of_one_tone_lie_over_as_many_faces_as_the_recipe_says(tmp_path: Path) -> None:
    faces = torch.rand(200, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    still = STILL.replace("boxes: 0", "boxes: {}")

    def changed(share: float) -> tuple[Tensor, Tensor]:
        some = recipe(tmp_path, still.format(share))
        found = augmented(faces, SIDE, some, torch.Generator().manual_seed(2))
        bare = augmented(faces, SIDE, recipe(tmp_path, STILL), torch.Generator().manual_seed(2))
        return found, (found != bare)[:, 0]

    found, differs = changed(1.0)
    assert differs.any(2).any(1).float().mean() > 0.97
    for face, here in zip(found[:, 0], differs, strict=True):
        if here.any():
            rows, columns = here.any(1), here.any(0)
            assert face[here].unique().numel() == 1
            assert torch.equal(here, rows[:, None] & columns[None])
            assert max(rows.sum(), columns.sum()) <= 0.54 * SIDE + 1
    some = changed(0.3)[1].any(2).any(1).float().mean()
    assert float(some) == pytest.approx(0.3, abs=0.1)


def test_boxes_spare_the_faces_that_are_covered_and_move_nothing_else(tmp_path: Path) -> None:
    faces = torch.rand(40, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    some = recipe(tmp_path, STILL.replace("boxes: 0", "boxes: 1"))
    free = torch.arange(40)[:, None, None, None] % 2 == 0
    found = augmented(faces, SIDE, some, torch.Generator().manual_seed(2), free)
    bare = augmented(faces, SIDE, recipe(tmp_path, STILL), torch.Generator().manual_seed(2))
    assert torch.equal(found[1::2], bare[1::2]) and torch.equal(found[:, 1], bare[:, 1])
    assert (found[::2, 0] != bare[::2, 0]).any()


def test_told_patches_are_those_below_a_cover_with_a_detector_s_errors() -> None:
    opacity = torch.zeros(300, 1, SIDE, SIDE)
    opacity[:, :, 8:24, 8:24] = 1
    opacity[:, :, 24:25] = 1  # a quarter of each patch below
    found = told_patches(opacity, torch.Generator().manual_seed(0))
    hidden = torch.zeros(14, 14, dtype=torch.bool)
    hidden[2:6, 2:6] = True
    assert found.shape == (300, 14, 14) and found.dtype == torch.bool
    assert float(found[:, hidden].float().mean()) == pytest.approx(0.9, abs=0.03)
    assert float(found[:, ~hidden].float().mean()) == pytest.approx(0.01, abs=0.005)


def test_a_teacher_says_the_mean_of_what_it_makes_of_both_mirror_images() -> None:
    torch.manual_seed(0)
    model = ExpressionCNN([8, 8, 8, 8], 2, 4, 0.5)
    faces = torch.from_numpy(small_faces(FacePool([face_set(3)])))[:, None]
    found = taught(model, faces)
    assert found.shape == (3, 8) and model.training
    torch.testing.assert_close(found.sum(1), torch.ones(3))
    model.eval()
    nothing = torch.zeros(1, 14, 14, dtype=torch.bool)
    for face, said in zip(faces, found, strict=True):
        one, other = (model(f[None] / 255, nothing)[0].softmax(1) for f in (face, face.flip(2)))
        torch.testing.assert_close(said, (one + other)[0] / 2)


def test_a_teacher_needs_weights_to_start_from(tmp_path: Path, data: Path) -> None:
    recipe(tmp_path, "teacher: 0.5\n")
    with pytest.raises(WeightsError, match="wants a teacher.*--from"):
        STAGES[STAGE].train(Sources(data, tmp_path), tmp_path / "runs", str(tmp_path), False)


def test_what_it_starts_from_counts_by_its_share(tmp_path: Path, data: Path) -> None:
    torch.manual_seed(3)
    start = recipe(tmp_path).build().state_dict()
    ends = []
    for share in (0, 0.25):
        runs = tmp_path / f"runs-{share}"
        (runs / START).mkdir(parents=True)
        save_file({f"cnn.{name}": tensor for name, tensor in start.items()}, runs / START / MODEL)
        recipe(tmp_path, f"start_share: {share}\n")
        STAGES[STAGE].train(Sources(data, tmp_path / "cache"), runs, str(tmp_path), How(quiet=True))
        ends.append(load_weights(runs / STAGE).tensors)
    trained, both = ends
    moved = 0
    for name, tensor in trained.items():
        if tensor.is_floating_point():
            torch.testing.assert_close(both[name], 0.75 * tensor + 0.25 * start[name])
            moved += not torch.allclose(both[name], tensor)
        else:
            assert torch.equal(both[name], tensor), name
    assert moved > 10
