"""What is trained in a folder of runs, and the rest from the weights that training started from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import mean

from torch import Tensor

from latent_ofer.backends.networks import (
    Detect,
    DetectLabelled,
    DetectOneClass,
    DetectPaper,
    DetectSynthetic,
    Encode,
    Networks,
    Recognise,
    RecognisePaper,
    RecogniseViews,
)
from latent_ofer.backends.torch import built_networks
from latent_ofer.datasets.sources import Sources
from latent_ofer.detector import train as detector
from latent_ofer.detector import train_labelled as labelled
from latent_ofer.detector import train_svdd as paper
from latent_ofer.encoder import train as encoder
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.recogniser import calibration, train_cnn
from latent_ofer.recogniser import train as recogniser_paper
from latent_ofer.reconstructor.train import load_reconstructor
from latent_ofer.training.checkpoint import MODEL, START, is_trained, load_weights
from latent_ofer.training.start import start_manifest

LABELLED, VIEWS, PAPER = "labelled", "views", "paper"


def dev_auroc(sources: Sources, runs: Path, networks: Networks) -> dict[str, dict[str, float]]:
    """AUROC of the detectors on dev faces, by name and kind of face.

    Of patches behind objects, in colour and grey; and of faces that something really covers,
    where a table says which they are.
    """
    start = start_manifest(runs)
    figures: dict[str, dict[str, float]] = dict(start["dev_auroc"]) if start else {}
    if is_trained(runs, detector.STAGE):
        figures |= load_weights(runs / detector.STAGE).about["dev_auroc"]
    for name, stage in ((LABELLED, labelled.STAGE), (PAPER, paper.STAGE)):
        if is_trained(runs, stage):
            figures[name] = load_weights(runs / stage).about["dev_auroc"]
    figures = {name: figures[name] for name in networks.detectors}
    real = labelled.real_dev(sources)
    if real is None:
        return figures
    encode = Encode(networks.mae)
    return {
        name: {**figures[name], "real": round(real.auroc(_scorer(detect, encode)), 5)}
        for name, detect in networks.detectors.items()
    }


def _scorer(detect: Detect, encode: Encode) -> Callable[[Tensor], Tensor]:
    def scores(faces: Tensor) -> Tensor:
        given = detect(encode(faces) if detect.reads == "latents" else faces)
        found: Tensor = given if isinstance(given, Tensor) else given[0]
        return found

    return scores


def best_on_dev(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The detector with the highest mean AUROC over the kinds of faces: it becomes the default.

    Only kinds that all of them were measured on count.
    """
    kinds = set.intersection(*(set(measured) for measured in figures.values()))
    return max(figures, key=lambda name: mean(figures[name][kind] for kind in kinds))


def trained_detectors(runs: Path, config: str, mae: MaskedAutoencoder) -> dict[str, Detect]:
    """`synthetic` and `one-class`, which looks through the first blocks of the encoder."""
    families = detector.load_detector(runs, config)
    return {
        "synthetic": DetectSynthetic(families.synthetic),
        "one-class": DetectOneClass(mae, families.one_class),
    }


def trained_networks(runs: Path, config: str) -> Networks:
    """All stages from their runs, and those not trained there as the start weights have them.

    A recogniser that neither has is left out.

    Raises
    ------
    WeightsError
        When a stage has not been trained and there are no start weights.
    StaleError
        When a stage was trained on another version of a parent.
    """
    start = start_manifest(runs)
    parts = built_networks(runs / START / MODEL, start) if start else None
    recognisers: dict[str, Recognise] = {}
    if parts is None or is_trained(runs, encoder.STAGE):
        mae = encoder.load_mae(runs, config)
        detectors = trained_detectors(runs, config, mae)
        repair = load_reconstructor(runs, config)
    else:
        mae, detectors, repair = parts.mae, dict(parts.detectors), parts.reconstructor
        recognisers |= parts.recognisers
    if parts is not None:
        # These look at faces alone: they go with any encoder.
        if LABELLED in parts.detectors:
            detectors[LABELLED] = parts.detectors[LABELLED]
        if VIEWS in parts.recognisers:
            recognisers[VIEWS] = parts.recognisers[VIEWS]
    if parts is None or is_trained(runs, paper.STAGE) or is_trained(runs, encoder.STAGE):
        detectors[PAPER] = DetectPaper(paper.load_paper(runs, config))
    if is_trained(runs, labelled.STAGE):
        detectors[LABELLED] = DetectLabelled(labelled.load_labelled(runs, config), True)
    if is_trained(runs, train_cnn.STAGE):
        recognisers[VIEWS] = RecogniseViews(train_cnn.load_cnn(runs, config))
    if is_trained(runs, calibration.STAGE):
        reads = recogniser_paper.load_recogniser(runs, config, mae.dim)
        reads.temperature.copy_(calibration.load_temperature(runs))
        recognisers[PAPER] = RecognisePaper(reads)
    return Networks(mae, detectors, repair, recognisers)
