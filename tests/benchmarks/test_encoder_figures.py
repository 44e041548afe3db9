"""The encoder's figures against slow, obvious versions of themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from encoder_figures import evaluate_encoder, open_encoder, random_network
from encoder_holes import (
    HOLES,
    SHARES,
    filling_figures,
    hole_errors,
    holes_of,
)
from encoder_probe import STRENGTHS, latents_of, mean_levels, probe_figures
from encoder_samples import SHARES as DRAWN
from encoder_samples import draw_samples

from archives import Trained, write_archives, write_recipes
from helpers import drawn_face, some_of
from latent_ofer.datasets.pool import FacePool, FaceSet, Pixels
from latent_ofer.datasets.sources import Sources
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe, hidden_error, to_tensor
from latent_ofer.errors import DataError, WeightsError
from latent_ofer.training.recipe import load_recipe


@pytest.fixture(scope="module")
def mae() -> MaskedAutoencoder:
    torch.manual_seed(0)
    return MaskedAutoencoder(112, 8, 24, 1, 2, 16, 1, 2).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_recipes(tmp_path_factory.mktemp("recipes")))


def photos(count: int, labels: list[int] | None = None) -> FacePool:
    drawn = [drawn_face(seed=seed) for seed in range(count)]
    return FacePool(
        [
            FaceSet(
                np.stack([face for face, _ in drawn]),
                np.stack([points for _, points in drawn]),
                np.ones(count, dtype=np.bool_),
                ["utkface"] * count,
                [f"{row}.webp" for row in range(count)],
                np.array(labels or [-1] * count),
                np.zeros((count, 8), dtype=np.float32),
                [""] * count,
                [{}] * count,
            )
        ]
    )


def test_a_face_keeps_its_holes_and_has_them_to_itself() -> None:
    one = holes_of(7, "utkface", "1.webp", 14)
    assert np.array_equal(one, holes_of(7, "utkface", "1.webp", 14))
    others = [(7, "utkface", "2.webp"), (7, "celeba", "1.webp"), (8, "utkface", "1.webp")]
    assert not any(np.array_equal(one, holes_of(*other, 14)) for other in others)
    assert HOLES == ("random", "block", "irregular", "object")
    assert [sorted(order) for order in one.tolist()] == [list(range(196))] * len(HOLES)


def test_errors_are_those_of_each_hidden_pixel_of_each_face(mae: MaskedAutoencoder) -> None:
    faces = to_tensor(photos(3).batch(np.arange(3)))
    orders = np.stack([holes_of(7, "utkface", name, 14)[1] for name in "abc"])
    found = hole_errors(mae, faces, orders, 40, bf16=False)
    for face, order, (loss, clipped, mean_colour) in zip(faces, orders, found, strict=True):
        mask = torch.zeros(1, 196, dtype=torch.bool)
        mask[0, order[:40]] = True
        hidden = mae.mask_pixels(mask)[0, 0]
        predicted = mae.decode(mae.encode(face[None], mask), mask)[0][:, hidden]
        truth, colour = face[:, hidden], face[:, ~hidden].mean(dim=1, keepdim=True)
        for filling, error in (
            (predicted, loss),
            (predicted.clamp(0, 1), clipped),
            (colour, mean_colour),
        ):
            expected = float(((filling - truth) / 0.25).square().mean())
            assert error == pytest.approx(expected, rel=1e-4)


def test_losses_are_the_training_loss_and_intervals_lie_around_them(mae: MaskedAutoencoder) -> None:
    pool = photos(5)
    report = filling_figures(mae, pool, seed=7, bf16=False)
    assert report["n"] == 5
    assert [(cell["hole"], cell["hidden_share"]) for cell in report["holes"]] == [
        (hole, share) for hole in HOLES for share in SHARES
    ]
    assert [cell["hidden_patches"] for cell in report["holes"][:4]] == [29, 59, 98, 137]
    faces = to_tensor(pool.batch(np.arange(5)))
    for number, cell in enumerate(report["holes"]):
        orders = [holes_of(7, "utkface", f"{row}.webp", 14)[number // 4] for row in range(5)]
        kept = np.stack([np.sort(order[cell["hidden_patches"] :]) for order in orders])
        loss = cell["trained"]["loss"]
        with torch.inference_mode():
            expected = float(hidden_error(mae, faces, torch.from_numpy(kept)))
        assert loss["value"] == pytest.approx(expected, rel=1e-4)
        assert loss["low"] < loss["value"] < loss["high"]
        gain = cell["trained"]["psnr_db"]["value"] - cell["mean_colour"]["psnr_db"]["value"]
        assert cell["gain_db"]["value"] == pytest.approx(gain)


def test_latents_are_the_class_token_beside_the_patches_mean(mae: MaskedAutoencoder) -> None:
    faces = photos(2).batch(np.arange(2))
    found = latents_of(mae, bf16=False)(faces)
    for row, latents in enumerate(mae.encode(to_tensor(faces)).double().numpy()):
        expected = [*latents[0], *(sum(latents[1:]) / 196)]
        assert np.allclose(found[row], expected, atol=1e-5)


def test_coarse_pixels_are_the_patches_mean_levels() -> None:
    faces = photos(1).batch(np.arange(1))
    assert mean_levels(faces)[0, 14 + 3] == pytest.approx(faces[0, 8:16, 24:32].mean())


def told(noise: float) -> tuple[dict[str, FacePool], dict[bytes, np.ndarray]]:
    """Pools of labelled pictures, and features that tell each label as well as noise lets them."""
    rng = np.random.default_rng(0)
    pools, known = {}, {}
    for number, (split, count) in enumerate((("train", 60), ("dev", 24), ("val", 24))):
        labels = [row % 3 for row in range(count)]
        pool = photos(1, [0])
        images = rng.integers(0, 256, (count, 112, 112, 3), dtype=np.uint8)
        images[:, 0, 0, 0] = number
        faces = some_of(pool.sets[0], np.zeros(count, dtype=np.int64))
        pools[split] = FacePool(
            [FaceSet(**{**vars(faces), "images": images, "labels": np.array(labels)})]
        )
        for image, label in zip(images, labels, strict=True):
            known[image.tobytes()] = np.eye(3)[label] + rng.normal(0, noise, 3)
    return pools, known


def test_a_probe_reads_what_features_tell_and_guesses_where_they_tell_nothing() -> None:
    pools, known = told(noise=0.05)
    features = {
        "trained": lambda faces: np.stack([known[face.tobytes()] for face in faces]),
        "random": lambda faces: np.ones((len(faces), 2)),
    }
    report = probe_figures(features, **pools, rng=np.random.default_rng(0))
    assert (report["n_train"], report["n_dev"], report["n"]) == (60, 24, 24)
    assert report["largest_label_share"] == pytest.approx(1 / 3)
    trained, random = report["features"]["trained"], report["features"]["random"]
    assert trained["accuracy"]["value"] == trained["macro_recall"]["value"] == 1
    assert random["accuracy"]["value"] == random["macro_recall"]["value"] == pytest.approx(1 / 3)
    assert (trained["size"], random["size"]) == (3, 2)
    assert random["strength"] == STRENGTHS[0]
    for metric in ("accuracy", "macro_recall"):
        difference = report["trained_minus"]["random"][metric]
        assert difference["value"] == pytest.approx(2 / 3)
        assert 0 < difference["low"] <= difference["value"] <= difference["high"]
    # Resamples hold other shares of each label, which accuracy sees and mean recall does not.
    assert trained["accuracy"]["low"] == trained["accuracy"]["high"] == 1
    assert random["accuracy"]["low"] < 1 / 3 < random["accuracy"]["high"]
    assert list(report["trained_minus"]) == ["random"]


def test_the_strength_is_the_one_that_dev_likes_best() -> None:
    pools, known = told(noise=1.0)
    rng = np.random.default_rng(1)
    # Many numbers that mean nothing, on train and dev alike: a strong fit learns them by heart.
    noise = {key: rng.normal(0, 1, 60) for key in known}

    def features(faces: Pixels) -> np.ndarray:
        keys = [face.tobytes() for face in faces]
        return np.stack([np.concatenate([known[key], noise[key]]) for key in keys])

    chosen = probe_figures({"trained": features}, **pools, rng=rng)["features"]["trained"]
    scores = []
    for strength in STRENGTHS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("encoder_probe.STRENGTHS", (strength,))
            alone = probe_figures({"trained": features}, **pools, rng=rng)
            scores.append(alone["features"]["trained"]["dev_accuracy"])
    assert len(set(scores)) > 1
    assert chosen["dev_accuracy"] == max(scores)
    assert chosen["strength"] == STRENGTHS[scores.index(max(scores))]


def test_a_probe_of_one_label_is_refused() -> None:
    pool = photos(3, [2, 2, 2])
    with pytest.raises(DataError, match="all 3 training faces"):
        probe_figures(
            {"trained": mean_levels}, train=pool, dev=pool, val=pool, rng=np.random.default_rng(0)
        )


def test_the_random_network_is_the_seeds_and_leaves_torchs_generator_alone(config: str) -> None:
    recipe = load_recipe(MaeRecipe, config, "mae")
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same, other = (random_network(recipe, seed) for seed in (7, 7, 8))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.decoder_pred.weight, same.decoder_pred.weight)
    assert not torch.equal(one.decoder_pred.weight, other.decoder_pred.weight)


def test_a_folder_that_holds_no_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="manifest.json: missing"):
        open_encoder(tmp_path)


def test_everything_is_measured_on_validation_faces(tmp_path: Path, trained: Trained) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    encoder = open_encoder(trained.weights)
    assert encoder.recipe == load_recipe(MaeRecipe, str(trained.config), "mae")
    report = evaluate_encoder(sources, encoder, faces=1, probe_faces=5)
    assert (report["split"], report["seed"]) == ("validation", 7)
    assert sorted(report["data"]) == ["faces.zip", "ferplus.zip"]
    assert {kind: part["n"] for kind, part in report["filling"].items()} == {"colour": 1, "grey": 1}
    assert list(report["probe"]["features"]) == ["trained", "random", "pixels"]
    # The second validation face of FERPlus has no vote that counts.
    assert (report["probe"]["n_train"], report["probe"]["n"]) == (5, 1)
    assert report["probe"]["features"]["pixels"]["size"] == 196


def test_the_sheet_shows_holes_as_holes_and_all_else_as_it_was(mae: MaskedAutoencoder) -> None:
    face = drawn_face(seed=3)[0]
    sheet = np.asarray(draw_samples(mae, face, seed=7))
    paper, hidden = (255, 255, 255), (226, 229, 234)
    assert tuple(sheet[0, 0]) == tuple(sheet[-1, -1]) == paper
    share = (sheet == hidden).all(axis=2).sum() / (168**2 * len(HOLES) * 2)
    assert share == pytest.approx(sum(DRAWN), abs=0.03)
    assert not np.array_equal(sheet, np.asarray(draw_samples(mae, face, seed=8)))
