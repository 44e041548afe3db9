"""What a step of each stage's training needs, by arithmetic: memory and operations for a face.

    python benchmarks/training_memory.py --output docs/reports/training-memory.json

No GPU is needed: steps on two and on four random faces on the processor, with what the backward
pass keeps counted through autograd's hooks and the operations by torch's counter. The difference is
what one more face costs. `mae, paper` is the encoder of the paper, ViT-B/16 at
224 px with the decoder of MAE; `recogniser_paper, paper` reads its latents.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from latent_ofer.datasets.covers import TYPES
from latent_ofer.detector.labelled import Batch, labelled_loss
from latent_ofer.detector.place import PlaceNetwork, place_loss, places
from latent_ofer.detector.recipe import DetectorRecipe
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.train_labelled import LabelledRecipe
from latent_ofer.detector.train_one_class import ALTERED
from latent_ofer.detector.train_regions import Known, patch_loss
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.encoder.train import MaeRecipe, hidden_error
from latent_ofer.recogniser.attention_cnn import PlainCNN
from latent_ofer.recogniser.cnn import SIDE
from latent_ofer.recogniser.train import RecogniserRecipe
from latent_ofer.recogniser.train_cnn import CnnRecipe
from latent_ofer.reconstructor.train import ReconstructorRecipe, repair_loss
from latent_ofer.reconstructor.unet import Reconstructor
from latent_ofer.training.batch import shared_out
from latent_ofer.training.recipe import load_recipe

CONFIG = "small"
PAPER = {
    **{"image_size": 224, "patch_size": 16, "dim": 768, "depth": 12, "heads": 12},
    **{"decoder_dim": 512, "decoder_depth": 8, "decoder_heads": 16, "stem": "linear"},
}
"""ViT-B/16 and the decoder that MAE has with it."""
FEW, MORE = 2, 4
"""Faces of the two passes."""
BYTES_A_WEIGHT = 20
"""Of what is trained: the weight, its gradient, two moments of AdamW, the running average."""
GPUS_GB = (16, 24, 80)
ROOM = 0.75
"""Share of a GPU's memory left when its context, workspaces and fragments have theirs."""

Loss = Callable[[int], Tensor]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    report = {}
    for name, batch, model, frozen, loss in trainings():
        report[name] = needs(batch, model, frozen, loss)
        print(json.dumps({name: report[name]}), flush=True)
    if options.output:
        options.output.write_text(json.dumps(report, indent=1) + "\n")


def trainings() -> Iterator[tuple[str, int, nn.Module, list[nn.Module], Loss]]:
    """Name, batch of the recipe, what is trained, what is only asked, loss of so many faces."""
    recipe = load_recipe(MaeRecipe, CONFIG, "mae")
    mae, paper = recipe.build(), recipe.model_copy(update=PAPER).build()
    low = recipe.hidden[0]
    yield "mae", recipe.batch_size, mae, [], of_mae(mae, low)
    yield "mae, paper", recipe.batch_size, paper, [], of_mae(paper, low)
    for one in (mae, paper):
        one.eval().requires_grad_(False)
    detector = load_recipe(DetectorRecipe, CONFIG, "detector")
    regions = RegionDetector(detector.width)
    yield "detector, synthetic", detector.batch_size, regions, [], of_regions(regions)
    place = PlaceNetwork(detector.place_width)
    yield "detector, place", detector.batch_size, place, [], of_place(place)
    of_labelled = load_recipe(LabelledRecipe, CONFIG, "detector_labelled")
    labelled = of_labelled.build()
    yield "detector_labelled", of_labelled.batch_size, labelled, [], of_types(labelled)
    teacher = PlainCNN(0.2)
    yield "teacher", 64, teacher, [], lambda n: F.cross_entropy(teacher(faces(n)), targets(n))
    repair = load_recipe(ReconstructorRecipe, CONFIG, "reconstructor")
    parts = Reconstructor(mae, repair.build())
    teacher.eval().requires_grad_(False)
    loss = of_repair(repair, parts, teacher)
    yield "reconstructor", repair.batch_size, parts.unet, [mae, teacher], loss
    views = load_recipe(CnnRecipe, CONFIG, "recogniser")
    cnn = views.build()
    yield "recogniser", views.batch_size, cnn, [], of_views(cnn)
    reads = load_recipe(RecogniserRecipe, CONFIG, "recogniser_paper")
    for name, encoder in (("recogniser_paper", mae), ("recogniser_paper, paper", paper)):
        model = reads.build(encoder.dim)
        yield name, reads.batch_size, model, [encoder], of_recogniser(model, encoder)


def faces(count: int, channels: int = 3, side: int = 112) -> Tensor:
    """Random ones."""
    return torch.rand(count, channels, side, side)


def hidden(count: int) -> Tensor:
    """A third of the patches: (n, 14, 14) bool."""
    return torch.rand(count, 14, 14) < 1 / 3


def targets(count: int) -> Tensor:
    """Soft labels."""
    return torch.rand(count, 8).softmax(1)


def of_mae(model: MaskedAutoencoder, low: float) -> Loss:
    """As few patches hidden as the recipe allows: the most that it needs."""
    kept = round((1 - low) * model.grid**2)

    def loss(count: int) -> Tensor:
        order = torch.rand(count, model.grid**2).argsort(1)[:, :kept].sort(1).values
        return hidden_error(model, faces(count, side=model.image_size), order)

    return loss


def of_regions(model: RegionDetector) -> Loss:
    """The detector `synthetic`."""

    def loss(count: int) -> Tensor:
        covered = np.random.default_rng(0).random((count, 112, 112)) < 0.2
        known = Known.of(covered, np.zeros((count, 14, 14), dtype=np.bool_))
        return patch_loss(model(faces(count)).float(), known)

    return loss


def of_place(model: PlaceNetwork) -> Loss:
    """Where windows lie: of some faces, altered copies pass too."""

    def loss(count: int) -> Tensor:
        altered = int(ALTERED * count)
        of = places(hidden(count).flatten(1), altered)
        return place_loss(model(faces(count + altered)).float(), of, shared_out(of >= 0))

    return loss


def of_types(model: RegionDetector) -> Loss:
    """The detector `labelled`."""

    def loss(count: int) -> Tensor:
        shown, here = faces(count), hidden(count).flatten(1)
        nobody = torch.zeros(count, dtype=torch.long)
        types = torch.zeros(count, len(TYPES), dtype=torch.long)
        scores, kinds = model.typed(shown)
        batch = Batch.of(shown, here, ~here, nobody > 0, types, nobody)
        return labelled_loss(scores.float(), kinds.float(), batch, 3.0)

    return loss


def of_repair(recipe: ReconstructorRecipe, parts: Reconstructor, teacher: PlainCNN) -> Loss:
    """The repair network."""

    def loss(count: int) -> Tensor:
        mask = hidden(count)
        inputs = (faces(count), mask, shared_out(mask))
        return repair_loss(parts.unet, parts, teacher, recipe, inputs)[0]

    return loss


def of_views(model: nn.Module) -> Loss:
    """The recogniser's CNN on its larger faces."""
    return lambda n: F.cross_entropy(model(faces(n, 1, SIDE), hidden(n))[0], targets(n))


def of_recogniser(model: nn.Module, encoder: MaskedAutoencoder) -> Loss:
    """The paper's recogniser on latents of an encoder."""

    def loss(count: int) -> Tensor:
        with torch.no_grad():
            latents = encoder.encode(faces(count, side=encoder.image_size))[:, 1:]
        return F.cross_entropy(model(faces(count), latents, hidden(count))[0], targets(count))

    return loss


def needs(batch: int, model: nn.Module, frozen: list[nn.Module], loss: Loss) -> dict[str, Any]:
    """Bytes, operations, and what fits."""
    weights = sum(p.numel() for p in model.parameters() if p.requires_grad)
    fixed = BYTES_A_WEIGHT * weights
    fixed += 4 * sum(p.numel() for one in frozen for p in one.parameters())
    model.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(p for p in model.parameters() if p.requires_grad)
    few, more = (step(model, optimiser, loss, count) for count in (FEW, MORE))
    kept, flops = ((b - a) / (MORE - FEW) for a, b in zip(few, more, strict=True))
    room = {gb: (ROOM * gb * 1e9 - fixed) / kept for gb in GPUS_GB}
    return {
        **{"weights": weights, "fixed_bytes": fixed, "bytes_a_face": round(kept)},
        **{"flops_a_face": round(flops), "batch": batch},
        "batch_gb": round((fixed + batch * kept) / 1e9, 2),
        "faces_that_fit": {str(gb): int(count) for gb, count in room.items()},
    }


def step(
    model: nn.Module, optimiser: torch.optim.Optimizer, loss: Loss, count: int
) -> tuple[int, int]:
    """Learn from so many faces, in bf16: bytes that the backward pass keeps, and operations."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # or another one would take its place
        return tensor

    with (
        FlopCounterMode(display=False) as counted,
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss(count)
        value.backward()
    assert value.isfinite()
    optimiser.step()
    model.zero_grad(set_to_none=True)
    return sum(kept.values()), int(counted.get_total_flops())


if __name__ == "__main__":
    main()
