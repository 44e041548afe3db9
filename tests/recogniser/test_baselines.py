from pathlib import Path

import numpy as np
import pytest
import torch

from archives import RECIPES, Trained, write_archives
from latent_ofer.datasets.sources import Sources
from latent_ofer.errors import WeightsError
from latent_ofer.recogniser.baselines import (
    BaselineRecipe,
    JudgeCNN,
    load_baseline,
    objects_on,
    train_baseline,
)
from latent_ofer.recogniser.teacher import lean_batch
from latent_ofer.training.how import How

JUDGE = "network: judge\nsizes: [32]\nepochs: 1\nepoch_images: 8\nbatch_size: 4\n"
RATE = "learning_rate: 0.001\nbf16: false\n"


def test_the_judge_gives_a_face_the_same_answer_alone_and_in_a_batch() -> None:
    torch.manual_seed(0)
    judge = JudgeCNN(0.5).eval()
    faces = torch.rand(3, 3, 112, 112)
    with torch.inference_mode():
        together = judge(faces)
        alone = torch.cat([judge(face[None]) for face in faces])
    assert together.shape == (3, 8)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_the_judge_shares_no_kind_of_block_with_the_pipeline() -> None:
    names = {type(module).__module__ for module in JudgeCNN(0.1).modules()}
    assert not any(name.startswith("latent_ofer.recogniser.attention_cnn") for name in names)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_wanted_share_of_faces_gets_an_object(tmp_path: Path, share: float) -> None:
    sources = Sources(write_archives(tmp_path / "data"), tmp_path / "cache")
    pool, rows = sources.labelled("train"), np.arange(4)
    faces = lean_batch(pool, rows)
    change = objects_on(pool, sources.cutouts("train"), share)
    changed = change(faces, rows, np.random.default_rng(0))
    differ = (changed != faces).reshape(4, -1).any(axis=1)
    assert differ.tolist() == [share == 1.0] * 4
    assert changed.shape == faces.shape == (4, 112, 112, 1)


def test_a_trained_judge_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    data = write_archives(tmp_path / "data")
    config = tmp_path / "recipes"
    config.mkdir()
    (config / "judge.yaml").write_text(JUDGE + RATE)
    sources = Sources(data, tmp_path / "cache")
    train_baseline("judge", sources, tmp_path / "runs", str(config), How())
    first = load_baseline("judge", tmp_path / "runs", str(config))
    again = load_baseline("judge", tmp_path / "runs", str(config))
    faces = torch.rand(2, 3, 112, 112)
    torch.testing.assert_close(first(faces), again(faces))
    assert not first.training


def test_the_plain_cnn_starts_from_the_teacher(trained: Trained, tmp_path: Path) -> None:
    config = tmp_path / "recipes"
    config.mkdir()
    (config / "teacher.yaml").write_text(RECIPES["teacher"])
    (config / "plain.yaml").write_text(
        "network: plain\nsizes: [32]\nepochs: 1\nepoch_images: 4\nbatch_size: 4\n"
        "learning_rate: 1.0e-12\nweight_decay: 0\nbf16: false\naverage: 0.5\n"
    )
    runs = tmp_path / "runs"
    (runs / "teacher").mkdir(parents=True)
    source = trained.runs / "teacher" / "weights.safetensors"
    (runs / "teacher" / "weights.safetensors").write_bytes(source.read_bytes())
    train_baseline("plain", Sources(trained.data, runs / "cache"), runs, str(config), How())
    plain = load_baseline("plain", runs, str(config)).state_dict()
    from latent_ofer.recogniser.teacher import load_teacher

    teacher = load_teacher(runs, str(config)).state_dict()
    torch.testing.assert_close(plain["fc.weight"], teacher["fc.weight"], atol=1e-6, rtol=0)


def test_without_training_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="train judge"):
        load_baseline("judge", tmp_path, "small")


def test_only_networks_that_see_objects_need_cut_outs() -> None:
    keys = {"sizes": [112], "epochs": 1, "batch_size": 4, "learning_rate": 0.1}
    plain = BaselineRecipe(network="plain", **keys)  # type: ignore[arg-type]
    assert plain.needs == ("labels",)
    assert plain.model_copy(update={"occluded": 0.5}).needs == ("labels", "objects")
