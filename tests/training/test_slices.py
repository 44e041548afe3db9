"""A batch cut into parts teaches what it teaches whole: every stage, on drawn faces."""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import ablation_heads
import detector_baselines
import expression_encoder
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from train_baselines import STAGES as OF_TABLES

from archives import Trained
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector import train as detector
from latent_ofer.detector import train_labelled, train_one_class, train_regions
from latent_ofer.encoder import train as encoder
from latent_ofer.errors import TrainingError
from latent_ofer.recogniser import teacher, train_cnn
from latent_ofer.recogniser import train as recogniser_paper
from latent_ofer.reconstructor import train as reconstructor
from latent_ofer.train_all import STAGES
from latent_ofer.training.batch import Drawn
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.recipe import Recipe
from latent_ofer.training.step import Step, gradient

BASELINE = """
faces: 8
svm_latents: 8
svm_nu: 0.3
svm_gamma: 1
patch_width: 4
patch_out: 6
patch_bank: 8
patch_compactness: 0.5
epochs: 1
batch_size: 4
learning_rate: 0.001
"""
WHERE: dict[str, tuple[str, ModuleType]] = {
    "mae": ("mae", encoder),
    "synthetic": ("detector", train_regions),
    "place": ("detector", train_one_class),
    "labelled": ("detector_labelled", train_labelled),
    "teacher": ("teacher", teacher),
    "reconstructor": ("reconstructor", reconstructor),
    "recogniser": ("recogniser", train_cnn),
    "recogniser_paper": ("recogniser_paper", recogniser_paper),
    "expression_encoder": ("expression_encoder", expression_encoder),
    "ablation": ("ablation", ablation_heads),
    "patch_svdd": ("detector_baselines", detector_baselines),
}
"""What is trained -> its stage, and the module that hands it to the loop."""


class Handed(Exception):  # noqa: N818
    """In the place of a training: what the loop was given."""

    def __init__(self, job: Job, recipe: Recipe) -> None:
        self.job, self.recipe = job, recipe


def hand_over(job: Job, recipe: Recipe, how: How) -> NoReturn:
    raise Handed(job, recipe)


def uneven_borders(pool: FacePool) -> NDArray[np.bool_]:
    """None, one, two, three rows of patches in turn: (n, 196)."""
    rows = np.arange(14)[None] < np.arange(len(pool))[:, None] % 4
    return rows.repeat(14, axis=1)


class Hand:
    """Has a stage hand its job over, in place of training."""

    def __init__(self, trained: Trained, runs: Path, patch: pytest.MonkeyPatch) -> None:
        self.trained, self.runs, self.patch = trained, runs, patch

    def over(self, what: str, device: str = "cpu") -> Handed:
        """The job, and its recipe in 32 bits."""
        stage, module = WHERE[what]
        for parent in self.trained.runs.iterdir():
            if parent.name != stage:
                (self.runs / parent.name).symlink_to(parent)
        config = self.runs / "recipes"
        config.mkdir()
        for recipe in self.trained.config.iterdir():
            (config / recipe.name).write_text(recipe.read_text())
        (config / f"{detector_baselines.STAGE}.yaml").write_text(BASELINE)
        self.patch.setattr(FacePool, "borders", property(uneven_borders))
        if what == "place":
            self.patch.setattr(detector, "train_regions", lambda *_: None)
        sources = Sources(self.trained.data, self.trained.runs / "cache")
        if what == "ablation":
            parent = OF_TABLES[expression_encoder.STAGE]
            parent.train(sources, self.runs, str(config), How(quiet=True))
        self.patch.setattr(module, "fit", hand_over)
        how = How(device=torch.device(device))
        with pytest.raises(Handed) as found:
            {**STAGES, **OF_TABLES}[stage].train(sources, self.runs, str(config), how)
        job, recipe = found.value.job, found.value.recipe
        return Handed(job, recipe.model_copy(update={"bf16": False}))


@pytest.fixture
def hand(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hand:
    return Hand(trained, tmp_path, monkeypatch)


def gradients(
    handed: Handed, batch: Drawn, slices: int, seed: int = 5
) -> tuple[Step, dict[str, Tensor]]:
    job = handed.job
    step = gradient(job, handed.recipe, How(slices=slices), batch, seed, lambda: False, "step 1")
    found = {name: p.grad for name, p in job.model.named_parameters() if p.grad is not None}
    return step, found


@pytest.mark.parametrize("what", WHERE)
def test_the_gradient_of_a_batch_is_that_of_its_slices(
    hand: Hand, trained: Trained, what: str
) -> None:
    handed = hand.over(what)
    job = handed.job
    for module in job.model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.05)  # a new network may be blind in parts
    job.model.eval()  # without dropout, and with the statistics of batch norm held still
    batch = next(iter(job.batches(0, np.random.default_rng(0))))
    known = set(Sources(trained.data, trained.runs / "cache").pool("train").keys)
    assert {job.key_of(int(row)) for row in batch.rows} <= known
    whole, expected = gradients(handed, batch, slices=1)
    for slices in (2, 3):
        cut, found = gradients(handed, batch, slices)
        assert cut.loss == pytest.approx(whole.loss, rel=1e-4)
        assert cut.figures == pytest.approx(whole.figures, rel=1e-4, abs=1e-6)
        assert found.keys() == expected.keys()
        least = 1e-5 * max(float(tensor.norm()) for tensor in expected.values())
        for name, tensor in found.items():
            apart = float((tensor - expected[name]).norm())
            assert apart <= 1e-3 * float(expected[name].norm()) + least, name


# Patch-SVDD picks windows by a mask, which this device cannot.
@pytest.mark.parametrize("what", [what for what in WHERE if what != "patch_svdd"])
def test_on_another_device_nothing_is_left_behind(hand: Hand, what: str) -> None:
    job = hand.over(what, "meta").job  # refuses to mix, and computes nothing
    job.model.to("meta")
    batch = next(iter(job.batches(0, np.random.default_rng(0))))
    hand.patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # it has no other type
    try:
        assert job.loss(job.model, batch.part(0, 1, torch.device("meta")))[0].device.type == "meta"
    except RuntimeError as error:
        assert "item() cannot be called on meta" in str(error)  # figures: the loss is there


class Line:
    """y = w x on four faces, with dropout."""

    def __init__(self, run: Path, drop: float = 0.0) -> None:
        self.seen: list[Tensor] = []
        self.model = nn.Sequential(nn.Dropout(drop), nn.Linear(1, 1, bias=False))
        self.drawn = Drawn(np.arange(4), (torch.tensor([[1.0], [2.0], [4.0], [8.0]]),))
        key_of: Callable[[int], tuple[str, str]] = lambda row: ("set", f"{row}.png")  # noqa: E731
        self.job = Job(run, self.model, lambda *_: [], 1, self.loss, lambda _: {}, "", key_of)
        self.recipe = Recipe(epochs=1, batch_size=4, learning_rate=1, bf16=False)

    def loss(self, model: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
        self.seen.append(inputs[0])
        return model(*inputs).mean(), {}


def test_slices_take_every_so_manieth_face_and_count_by_their_faces(tmp_path: Path) -> None:
    line = Line(tmp_path)
    step, found = gradients(Handed(line.job, line.recipe), line.drawn, slices=3)
    assert [seen.flatten().tolist() for seen in line.seen] == [[1, 8], [2], [4]]
    assert float(found["1.weight"]) == pytest.approx(15 / 4)
    assert step.loss == pytest.approx(float(line.model[1].weight.detach()) * 15 / 4)


def test_each_slice_has_a_seed_of_its_own(tmp_path: Path) -> None:
    line = Line(tmp_path, drop=0.5)
    handed = Handed(line.job, line.recipe)
    first = gradients(handed, line.drawn, 4)[1]["1.weight"].clone()
    assert torch.equal(gradients(handed, line.drawn, 4)[1]["1.weight"], first)
    others = [float(gradients(handed, line.drawn, 4, seed)[1]["1.weight"]) for seed in range(6)]
    assert len(set(others)) > 2


def test_a_batch_of_fewer_faces_than_slices_is_refused(tmp_path: Path) -> None:
    line = Line(tmp_path / "net")
    with pytest.raises(TrainingError, match=r"net: a batch of 4 .* 5 parts .*--accumulate 5"):
        gradients(Handed(line.job, line.recipe), line.drawn, slices=5)
