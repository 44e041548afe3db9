"""How large the networks are, and how much one face costs them."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from latent_ofer.backends.torch import load_networks
from latent_ofer.errors import RecipeError
from latent_ofer.evaluation.recognisers import BASELINES, PIPELINE
from latent_ofer.evaluation.report import Figure, Row
from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.baselines import BaselineName, PlainReader
from latent_ofer.recogniser.train_cnn import CnnRecipe
from latent_ofer.training.recipe import load_recipe
from latent_ofer.weights_folder import SHIPPED, DetectorName, WeightsFolder

SIZE = 112
CONVENTION = (
    "2 x multiply-adds of convolutions and matrix products, one face of 112 px; "
    "the paper does not state its own"
)
DECODER = ("decoder_", "mask_token")
"""Parts of the autoencoder that encoding does not use."""


@dataclass(frozen=True)
class Complexity:
    """Size and cost of a network.

    Attributes
    ----------
    parameters : int
        Trained numbers.
    flops : int
        Of one face, see `CONVENTION`.
    """

    parameters: int
    flops: int


@dataclass(frozen=True)
class PipelineComplexity:
    """Of the whole pipeline and of its stages.

    Attributes
    ----------
    hidden : Complexity
        A face with a hidden patch is repaired, and read before and after that.
    nothing_hidden : Complexity
        Any other is read once; the networks are the same.
    stages : dict of str to Complexity
        Each once; the repair's encoder is the first stage's.
    """

    hidden: Complexity
    nothing_hidden: Complexity
    stages: dict[str, Complexity]


def cost_rows(weights: Path | None, detector: DetectorName, config: str) -> dict[str, list[Row]]:
    """Size and cost of the pipeline, its stages and the baselines, as Table 7 shows them.

    Parameters
    ----------
    weights, detector
        As for `pipeline_complexity`.
    config : str
        Recipes of the baselines; one without is left out.
    """
    pipeline = pipeline_complexity(weights, detector)
    notes = {
        "encoder": "once each reading",
        "recogniser": "once each reading",
        "repair": "with the autoencoder, whose encoder is the one above",
    }
    hidden = "a face with a hidden patch: read before and after its repair"
    nothing = Row(f"{PIPELINE}, nothing hidden", _cost(pipeline.nothing_hidden), note="read once")
    rows = {
        PIPELINE: [
            Row(PIPELINE, _cost(pipeline.hidden), note=hidden),
            nothing,
            *(
                Row(f"{PIPELINE}: {stage}", _cost(each), note=notes.get(stage, ""))
                for stage, each in pipeline.stages.items()
            ),
        ]
    }
    for name in BASELINES:
        with suppress(RecipeError):
            rows[name] = [Row(name, _cost(baseline_complexity(name, config)))]
    return rows


def _cost(cost: Complexity) -> dict[str, Figure]:
    return {key: {"value": value} for key, value in asdict(cost).items()}


def pipeline_complexity(weights: Path | None, detector: DetectorName) -> PipelineComplexity:
    """Count the networks of a folder of weights (None: the package's own).

    How much of a face is hidden changes nothing: all patches go through every network.

    Raises
    ------
    WeightsError
        When the weights are missing or altered.
    ValueError
        When they have no such detector.
    """
    folder = WeightsFolder.open(weights or SHIPPED)
    networks = load_networks(folder)
    graphs = networks.graphs()
    detects = networks.detectors[folder.detector(detector)]
    reads = networks.recognisers[folder.default_recogniser]
    used = {
        "encoder": [
            value for name, value in networks.mae.named_parameters() if not name.startswith(DECODER)
        ],
        # What is fitted in closed form is kept as buffers; statistics of batches are vectors.
        "detector": [
            *detects.network.parameters(),
            *(fitted for fitted in detects.network.buffers() if fitted.ndim > 1),
        ],
        "repair": list(networks.reconstructor.parameters()),
        "recogniser": list(reads.parameters()),
    }
    faces = torch.rand(1, 3, SIZE, SIZE)
    latents = torch.rand(1, GRID**2, networks.mae.dim)
    mask = torch.zeros(1, GRID, GRID, dtype=torch.bool)
    mask[:, 4:10, 4:10] = True
    given = {"faces": faces, "latents": latents, "mask": mask}
    inputs = {
        "encoder": (graphs["encoder"], (faces,)),
        "detector": (detects, (faces if detects.reads == "faces" else latents,)),
        "repair": (graphs["reconstructor"], (faces, mask)),
        "recogniser": (reads, tuple(given[key] for key in reads.reads)),
    }
    flops = {stage: flops_of(graph, *taken) for stage, (graph, taken) in inputs.items()}
    everything = numbers_in([value for values in used.values() for value in values])
    # The encoder runs for those who read its latents; other recognisers see two views more.
    latents_read = detects.reads == "latents" or "latents" in reads.reads
    once = flops["encoder"] * latents_read + flops["detector"] + flops["recogniser"]
    again = flops["repair"]
    if "latents" in reads.reads:
        again += flops["encoder"] + flops["recogniser"]
    else:
        again += 2 * flops["recogniser"]
    return PipelineComplexity(
        Complexity(everything, once + again),
        Complexity(everything, once),
        {stage: Complexity(numbers_in(used[stage]), flops[stage]) for stage in inputs},
    )


def baseline_complexity(name: BaselineName, config: str) -> Complexity:
    """Count a plain CNN or the judge; it need not be trained.

    Raises
    ------
    RecipeError
        When there is no recipe of it.
    """
    network = PlainReader(load_recipe(CnnRecipe, config, name).build())
    faces = torch.rand(1, 3, SIZE, SIZE)
    return Complexity(numbers_in(network.parameters()), flops_of(network, faces))


def numbers_in(parameters: Iterable[Tensor]) -> int:
    """How many numbers; parameters that several networks share count once."""
    return sum({id(each): each.numel() for each in parameters}.values())


def flops_of(network: nn.Module, *inputs: Tensor) -> int:
    """Of one call, see `CONVENTION`; norms, activations and other sums are not counted."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network.eval()(*inputs)
    return int(counter.get_total_flops())
