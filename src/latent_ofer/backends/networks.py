"""The trained networks as torch modules, wrapped as the four calls of the protocol."""

from dataclasses import dataclass

from torch import Tensor, nn

from latent_ofer.detector.regions import RegionDetector
from latent_ofer.detector.svdd import LatentSVDD
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.recogniser.fusion import Recogniser
from latent_ofer.reconstructor.unet import Reconstructor


class Encode(nn.Module):
    """Faces (B, 3, S, S) -> latents (B, 196, D)."""

    def __init__(self, mae: MaskedAutoencoder) -> None:
        super().__init__()
        self.mae = mae

    def forward(self, faces: Tensor) -> Tensor:
        """Latents of all patches, the class token left out."""
        return self.mae.encode(faces)[:, 1:]


class DetectDefault(nn.Module):
    """Faces (B, 3, S, S) -> probability that each patch is hidden (B, 196)."""

    def __init__(self, regions: RegionDetector) -> None:
        super().__init__()
        self.regions = regions

    def forward(self, faces: Tensor) -> Tensor:
        """Probabilities, row-major."""
        return self.regions.probability(faces)


class DetectPaper(nn.Module):
    """Latents (B, 196, D) -> distances from the centre (B, 196), Eq. 1."""

    def __init__(self, svdd: LatentSVDD) -> None:
        super().__init__()
        self.svdd = svdd

    def forward(self, latents: Tensor) -> Tensor:
        """Distances, row-major."""
        out: Tensor = self.svdd(latents)
        return out


class Recognise(nn.Module):
    """Faces, latents, repaired patches -> logits (B, 8), attention (B, 14, 14)."""

    def __init__(self, recogniser: Recogniser) -> None:
        super().__init__()
        self.recogniser = recogniser

    def forward(self, faces: Tensor, latents: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As :class:`latent_ofer.recogniser.fusion.Recogniser`."""
        logits, attention = self.recogniser(faces, latents, mask)
        return logits, attention


@dataclass(frozen=True)
class Networks:
    """All stages, in evaluation mode; the state names of each start with its field's name."""

    mae: MaskedAutoencoder
    regions: RegionDetector
    svdd: LatentSVDD
    reconstructor: Reconstructor
    recogniser: Recogniser

    def graphs(self) -> dict[str, nn.Module]:
        """The modules to export, by the name of their graph."""
        return {
            "encoder": Encode(self.mae),
            "detector_default": DetectDefault(self.regions),
            "detector_paper": DetectPaper(self.svdd),
            "reconstructor": self.reconstructor,
            "recogniser": Recognise(self.recogniser),
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
