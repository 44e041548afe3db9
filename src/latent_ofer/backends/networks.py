"""The trained networks as torch modules, wrapped as the four calls of the protocol."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from latent_ofer.detector.one_class import OneClassDetector
from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.recogniser.cnn import ExpressionCNN
from latent_ofer.recogniser.fusion import Recogniser, attention_grid
from latent_ofer.reconstructor.unet import Reconstructor
from latent_ofer.weights_folder import Thresholds

Signature = tuple[list[str], list[str]]
"""Names of a graph's inputs and outputs."""


class Encode(nn.Module):
    """Faces (B, 3, S, S) -> latents (B, 196, D)."""

    def __init__(self, mae: MaskedAutoencoder) -> None:
        super().__init__()
        self.mae = mae

    def forward(self, faces: Tensor) -> Tensor:
        """Latents of all patches, the class token left out."""
        return self.mae.encode(faces)[:, 1:]


class Detect(nn.Module):
    """Scores (B, 196) of what a family of detectors reads: its one input."""

    reads: Literal["faces", "latents"] = "faces"
    gives: tuple[str, ...] = ("scores",)

    @property
    def network(self) -> RegionDetector | OneClassDetector | LatentSVDD:
        """The family's own network."""
        raise NotImplementedError

    @property
    def thresholds(self) -> Thresholds:
        """Scores above which a patch counts as hidden."""
        network = self.network
        return Thresholds(float(network.threshold_colour), float(network.threshold_grey))


class DetectSynthetic(Detect):
    """Faces (B, 3, S, S) -> probability that each patch is hidden (B, 196)."""

    def __init__(self, regions: RegionDetector) -> None:
        super().__init__()
        self.regions = regions

    @property
    def network(self) -> RegionDetector:
        """Trained on faces hidden by pasted objects."""
        return self.regions

    def forward(self, faces: Tensor) -> Tensor:
        """Probabilities, row-major."""
        return self.regions.probability(faces)


class DetectLabelled(Detect):
    """Faces (B, 3, S, S) -> probability that each patch is hidden (B, 196), and of each type.

    Parameters
    ----------
    labelled : RegionDetector
    types : bool
        Whether it tells what lies over a patch; weights of before 0.2 were not asked.
    """

    def __init__(self, labelled: RegionDetector, types: bool) -> None:
        super().__init__()
        self.labelled = labelled
        self.gives = ("scores", "types") if types else ("scores",)

    @property
    def network(self) -> RegionDetector:
        """Trained on real covers, labelled by two looks at each face, and on pasted ones."""
        return self.labelled

    def forward(self, faces: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Probabilities, row-major; those of types are (B, 8, 196)."""
        if len(self.gives) == 1:
            return self.labelled.probability(faces)
        scores, types = self.labelled.typed(faces)
        return scores.sigmoid(), types.sigmoid()


class DetectOneClass(Detect):
    """Faces (B, 3, S, S) -> how unlike a clean face each patch is (B, 196).

    The encoder is the one of `Encode`, of which only the first blocks are run.
    """

    def __init__(self, mae: MaskedAutoencoder, one_class: OneClassDetector) -> None:
        super().__init__()
        self.mae = mae
        self.one_class = one_class

    @property
    def network(self) -> OneClassDetector:
        """Fitted to clean faces alone."""
        return self.one_class

    def forward(self, faces: Tensor) -> Tensor:
        """Scores, row-major."""
        out: Tensor = self.one_class(faces, self.mae.encode_early(faces, self.one_class.blocks))
        return out


class DetectPaper(Detect):
    """Latents (B, 196, D) -> distances from the centre in radii (B, 196), Eq. 1."""

    reads = "latents"

    def __init__(self, svdd: LatentSVDD) -> None:
        super().__init__()
        self.svdd = svdd

    @property
    def network(self) -> LatentSVDD:
        """Fitted to clean faces alone."""
        return self.svdd

    def forward(self, latents: Tensor) -> Tensor:
        """Distances, row-major."""
        out: Tensor = self.svdd(latents)
        return out


class RecognisePaper(nn.Module):
    """Faces, latents, repaired patches -> logits (B, 8), attention (B, 14, 14)."""

    reads = ("faces", "latents", "mask")

    def __init__(self, recogniser: Recogniser) -> None:
        super().__init__()
        self.recogniser = recogniser

    def forward(self, faces: Tensor, latents: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`latent_ofer.recogniser.fusion.Recogniser`."""
        logits, attention = self.recogniser(faces, latents, mask)
        return logits, attention


class RecogniseViews(nn.Module):
    """Faces, patches to blank -> logits (B, 8), attention (B, 14, 14)."""

    reads = ("faces", "mask")

    def __init__(self, cnn: ExpressionCNN) -> None:
        super().__init__()
        self.cnn = cnn

    def forward(self, faces: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, not calibrated, and where the heads look; sums to 1."""
        logits, maps = self.cnn(faces, mask)
        return logits, attention_grid(maps)


Recognise = RecognisePaper | RecogniseViews


@dataclass(frozen=True)
class Networks:
    """All stages, in evaluation mode.

    Attributes
    ----------
    mae : MaskedAutoencoder
    detectors : dict of str to Detect
        By name.
    reconstructor : Reconstructor
    recognisers : dict of str to Recognise
        By name.
    """

    mae: MaskedAutoencoder
    detectors: dict[str, Detect]
    reconstructor: Reconstructor
    recognisers: dict[str, Recognise]

    def __post_init__(self) -> None:
        # Else an answer moves the running statistics of batch norm.
        for graph in self.graphs().values():
            graph.eval().requires_grad_(False)

    def graphs(self) -> dict[str, nn.Module]:
        """The modules to export, by the name of their graph."""
        return {
            "encoder": Encode(self.mae),
            **{f"detector_{name}": detect for name, detect in self.detectors.items()},
            "reconstructor": self.reconstructor,
            **{f"recogniser_{name}": reads for name, reads in self.recognisers.items()},
        }

    def without(self, names: Collection[str]) -> "Networks":
        """Less some detectors and recognisers, by the names of their graphs.

        Raises
        ------
        ValueError
            When one is not among them, or nothing would be left to detect or recognise with.
        """
        detectors = {k: v for k, v in self.detectors.items() if f"detector_{k}" not in names}
        recognisers = {k: v for k, v in self.recognisers.items() if f"recogniser_{k}" not in names}
        optional = [name for name in self.graphs() if name.startswith(("detector_", "recogniser_"))]
        unknown = sorted(set(names) - set(optional))
        if unknown:
            raise ValueError(f"cannot leave out {unknown[0]!r}: choose from {', '.join(optional)}")
        if not detectors or not recognisers:
            raise ValueError("weights need a detector and a recogniser: leave fewer out")
        return replace(self, detectors=detectors, recognisers=recognisers)

    def signatures(self) -> dict[str, Signature]:
        """What each of `graphs` takes and gives."""
        return {
            "encoder": (["faces"], ["latents"]),
            **{
                f"detector_{name}": ([detect.reads], list(detect.gives))
                for name, detect in self.detectors.items()
            },
            "reconstructor": (["faces", "mask"], ["repaired"]),
            **{
                f"recogniser_{name}": (list(network.reads), ["logits", "attention"])
                for name, network in self.recognisers.items()
            },
        }

    def tensors(self) -> dict[str, Tensor]:
        """Every parameter and buffer once, under the name that the graphs know it by."""
        merged: dict[str, Tensor] = {}
        for graph in self.graphs().values():
            merged.update(graph.state_dict())
        return merged

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take the values of :meth:`tensors`, of any float width.

        Raises
        ------
        KeyError
            When a tensor is missing.
        """
        for graph in self.graphs().values():
            own = graph.state_dict()
            graph.load_state_dict({name: tensors[name].to(own[name].dtype) for name in own})
