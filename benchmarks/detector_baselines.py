"""Detectors to measure against (paper, Table 1): training on clean faces, and their scores.

None of them is part of the pipeline. Two look at latents: those that the paper's detector gets,
of the encoder's last layer with all patches seen. Two look at pixels.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from baseline_detectors import TRAIN
from numpy.typing import NDArray
from one_class_svm import OneClassSVM, fit_svm
from patch_svdd import PatchSVDD, inputs_of, patch_svdd_loss
from position_gaussian import PositionGaussian, fit_gaussian
from pydantic import Field
from torch import Tensor, nn

from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.detector.clean import CleanFaces, clean_faces
from latent_ofer.detector.dev import AT_ONCE, FALSE_POSITIVES, DevFaces, apply, read_dev
from latent_ofer.detector.one_class import KINDS
from latent_ofer.detector.scores import threshold_at
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import load_mae, to_tensor
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import check_fresh, describe, load_weights, save_weights
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import fit, shuffled, steps_in
from latent_ofer.training.recipe import Recipe, load_recipe

STAGE = "detector_baselines"
NEEDS: tuple[Need, ...] = ("faces", "objects", "covers")
PARENTS = ("mae",)
NAMES = ("one_class_svm", "patch_svdd", "gaussian_pixels", "gaussian_latents")
"""In the order of the table."""


class DetectorBaselinesRecipe(Recipe):
    """Recipe of all four; what every recipe has is for Patch-SVDD, the only one with steps."""

    faces: int = Field(ge=2)
    """Clean training faces of each kind that all four are fitted to."""
    svm_latents: int = Field(ge=2)
    """Drawn from all latents of the faces."""
    svm_nu: float = Field(gt=0, lt=1)
    svm_gamma: float = Field(gt=0)
    """Of the kernel, in units of 1 / (latent length x variance)."""
    patch_width: int = Field(ge=1)
    patch_out: int = Field(ge=1)
    patch_bank: int = Field(ge=1)
    """Features kept, drawn from all patches of the faces."""
    patch_compactness: float = Field(ge=0)


class DetectorBaselines(nn.Module):
    """The four detectors and their encoder.

    Parameters
    ----------
    mae : MaskedAutoencoder
    svm : OneClassSVM
    patch_svdd : PatchSVDD
    pixels, latents : PositionGaussian

    Attributes
    ----------
    thresholds : (4, 2) buffer
        Scores above which a patch counts as hidden; rows as `NAMES`, columns as `KINDS`.
    """

    thresholds: Tensor

    def __init__(
        self,
        mae: MaskedAutoencoder,
        svm: OneClassSVM,
        patch_svdd: PatchSVDD,
        pixels: PositionGaussian,
        latents: PositionGaussian,
    ) -> None:
        super().__init__()
        self.mae = mae
        self.svm = svm
        self.patch_svdd = patch_svdd
        self.pixels = pixels
        self.latents = latents
        self.register_buffer("thresholds", torch.zeros(len(NAMES), len(KINDS)))

    def forward(self, faces: Tensor) -> dict[str, Tensor]:
        """Scores (B, N) by name, higher for more likely hidden: faces (B, 3, S, S) in [0, 1]."""
        latents = self.mae.encode(faces)[:, 1:]
        return {
            "one_class_svm": self.svm(latents),
            "patch_svdd": self.patch_svdd(faces),
            "gaussian_pixels": self.pixels(pixel_vectors(faces, self.mae.grid)),
            "gaussian_latents": self.latents(latents),
        }

    @torch.inference_mode()
    def score(self, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Scores (n, 14, 14) by name of faces (n, S, S, 3) uint8 RGB, a batch at a time."""
        starts = range(0, len(faces), AT_ONCE)
        parts = [self(to_tensor(faces[start : start + AT_ONCE])) for start in starts]
        grid = (self.mae.grid, self.mae.grid)
        return {
            name: torch.cat([part[name] for part in parts]).unflatten(1, grid).numpy()
            for name in NAMES
        }


def pixel_vectors(faces: Tensor, grid: int = 14) -> Tensor:
    """Levels of each patch: (B, 3, S, S) -> (B, grid^2, 3 (S / grid)^2), row-major."""
    patches = faces.unflatten(3, (grid, -1)).unflatten(2, (grid, -1))
    out: Tensor = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return out


def train_detector_baselines(sources: Sources, runs: Path, config: str, how: How) -> Path:
    """Train all four; returns the path of their weights.

    Thresholds let the same share of the patches of clean dev faces pass as the shipped
    detectors' do, colour and grey apart.

    Raises
    ------
    ImportError
        Without scikit-learn, before anything is trained.
    """
    _check_scikit_learn()
    recipe = load_recipe(DetectorBaselinesRecipe, config, STAGE)
    about = describe(recipe, sources.digests(*NEEDS), runs, PARENTS)
    mae = load_mae(runs, config)
    dev = read_dev(sources)
    kinds = [clean_faces(sources, kind, recipe.faces, recipe.seed) for kind in KINDS]
    faces = np.concatenate([some.pixels for some in kinds])
    photo = np.concatenate([some.photo for some in kinds])
    clean = CleanFaces(faces, photo, [key for some in kinds for key in some.keys])
    patch_svdd = _train_patch_svdd(runs / STAGE, recipe, clean, dev, str(about), how)
    pixels = fit_gaussian(apply(pixel_vectors, faces).numpy(), photo)
    latents = apply(lambda part: mae.encode(part)[:, 1:], faces)
    every = latents[torch.from_numpy(photo)]
    svm = fit_svm(
        every[_drawn(len(every), recipe.svm_latents, recipe.seed)].numpy(),
        recipe.svm_nu,
        recipe.svm_gamma,
    )
    baselines = DetectorBaselines(
        mae, svm, patch_svdd, pixels, fit_gaussian(latents.numpy(), photo)
    ).eval()
    set_baseline_thresholds(baselines, dev)
    about["dev_auroc"] = dev_auroc(baselines, dev)
    tensors = {
        name: value for name, value in baselines.state_dict().items() if not name.startswith("mae.")
    }
    return save_weights(runs / STAGE, tensors, about)


def _check_scikit_learn() -> None:
    if find_spec("sklearn") is None:
        raise ImportError(
            "training the detector baselines needs scikit-learn (it is missing): "
            'pip install "latent-ofer[evaluate]"'
        )


def _drawn(count: int, wanted: int, seed: int) -> Tensor:
    """Some of so many, without repetition, in ascending order: (min(count, wanted),) int64."""
    order = np.random.default_rng(seed).permutation(count)[:wanted]
    return torch.from_numpy(np.sort(order))


def _train_patch_svdd(
    run: Path,
    recipe: DetectorBaselinesRecipe,
    faces: CleanFaces,
    dev: dict[str, DevFaces],
    identity: str,
    how: How,
) -> PatchSVDD:
    torch.manual_seed(recipe.seed)
    used = torch.from_numpy(np.flatnonzero(faces.photo))
    in_bank = used[_drawn(len(used), recipe.patch_bank, recipe.seed)]
    model = PatchSVDD(recipe.patch_width, recipe.patch_out, len(in_bank))

    def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
        for chosen in shuffled(len(faces.pixels), recipe, rng):
            photo = torch.from_numpy(faces.photo[chosen])
            yield Drawn(chosen, inputs_of(to_tensor(faces.pixels[chosen]), photo))

    def loss(net: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(net, PatchSVDD)
        return patch_svdd_loss(net, inputs, recipe.patch_compactness)

    def figures(net: nn.Module) -> dict[str, float]:
        assert isinstance(net, PatchSVDD)
        net.bank.copy_(apply(net.features, faces.pixels).flatten(0, 1)[in_bank])
        return {
            f"dev_auroc_{kind}": dev[kind].auroc(apply(net, dev[kind].occluded).numpy())
            for kind in KINDS
        }

    steps = steps_in(len(faces.pixels), recipe)
    job = Job(run, model, batches, steps, loss, figures, identity, lambda row: faces.keys[row])
    model.load_state_dict(fit(job, recipe, how))
    model.bank.copy_(apply(model.features, faces.pixels).flatten(0, 1)[in_bank])
    return model.eval()


def set_baseline_thresholds(baselines: DetectorBaselines, dev: dict[str, DevFaces]) -> None:
    """Let `FALSE_POSITIVES` of the patches of clean dev faces lie above, grey and colour apart."""
    for column, kind in enumerate(KINDS):
        photo = ~dev[kind].clean_streaks.reshape(-1, baselines.mae.grid, baselines.mae.grid)
        for row, scores in enumerate(baselines.score(dev[kind].clean).values()):
            baselines.thresholds[row, column] = threshold_at(scores[photo], FALSE_POSITIVES[kind])


def dev_auroc(
    baselines: DetectorBaselines, dev: dict[str, DevFaces]
) -> dict[str, dict[str, float]]:
    """By name, then kind: on dev objects, which no detector is trained on."""
    scores = {kind: baselines.score(dev[kind].occluded) for kind in KINDS}
    return {
        name: {
            kind: dev[kind].auroc(scores[kind][name].reshape(len(scores[kind][name]), -1))
            for kind in KINDS
        }
        for name in NAMES
    }


def load_detector_baselines(runs: Path, config: str) -> DetectorBaselines:
    """All four as trained, in evaluation mode, frozen.

    Raises
    ------
    WeightsError
        When they have not been trained.
    StaleError
        When they were trained on another encoder than the one in `runs`.
    """
    weights = load_weights(runs / STAGE, TRAIN)
    check_fresh(weights, runs)
    recipe = load_recipe(DetectorBaselinesRecipe, config, STAGE)
    tensors = weights.tensors
    baselines = DetectorBaselines(
        load_mae(runs, config),
        OneClassSVM(*tensors["svm.vectors"].shape),
        PatchSVDD(recipe.patch_width, recipe.patch_out, len(tensors["patch_svdd.bank"])),
        PositionGaussian(*tensors["pixels.mean"].shape),
        PositionGaussian(*tensors["latents.mean"].shape),
    )
    of_mae = {f"mae.{name}": value for name, value in baselines.mae.state_dict().items()}
    baselines.load_state_dict({**tensors, **of_mae})
    return baselines.eval().requires_grad_(False)
