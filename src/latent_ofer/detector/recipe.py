"""What the training of `synthetic` and `one-class` is told."""

from pydantic import Field

from latent_ofer.datasets.pool import SIZE
from latent_ofer.detector.one_class import OneClassDetector
from latent_ofer.detector.place import PlaceNetwork
from latent_ofer.detector.synthetic import Mix
from latent_ofer.training.recipe import Recipe


class DetectorRecipe(Recipe):
    """Recipe of `synthetic` and `one-class`.

    The keys that start with place and gaussian are those of the `one-class` detector, all others
    are the `synthetic` one's.
    """

    width: int = Field(ge=8, multiple_of=4)
    clean: float = Field(ge=0)
    objects: float = Field(ge=0)
    procedural: float = Field(ge=0)
    patchwork: float = Field(ge=0)
    hands: float = Field(default=0, ge=0)
    blanks: float = Field(default=0, ge=0)
    wearables: float = Field(default=0, ge=0)
    """How often training faces are clean, or hidden by each of the other kinds."""
    first_epochs: int = Field(default=0, ge=0)
    """Of a first network, which finds the patches of clean faces that may be hidden; 0 for none."""
    first_suspects: float = Field(default=0.015, gt=0, lt=1)
    """Share of those patches, which then count as neither clean nor hidden."""
    place_width: int = Field(default=128, ge=8, multiple_of=4)
    place_epochs: int = Field(default=1, ge=1)
    gaussian_faces: int = Field(default=4000, ge=2)
    """Clean faces of each kind that the Gaussians are fitted to."""
    gaussian_kept: int = Field(default=96, ge=1)
    """Dimensions of the Gaussians."""
    gaussian_blocks: int = Field(default=2, ge=0)
    """Blocks of the encoder that their latents have been through."""

    @property
    def mix(self) -> Mix:
        """How often each kind is drawn."""
        return Mix(
            self.clean,
            self.objects,
            self.procedural,
            self.patchwork,
            self.hands,
            self.blanks,
            self.wearables,
        )

    def one_class(self, place: PlaceNetwork, dim: int, grid: int) -> OneClassDetector:
        """The `one-class` detector, its Gaussians not yet fitted."""
        kept, blocks = self.gaussian_kept, self.gaussian_blocks
        return OneClassDetector(place, dim, kept, blocks, SIZE // grid, grid)

    @property
    def first(self) -> Recipe:
        """What the loop needs for the first network."""
        return self._for(self.first_epochs)

    @property
    def place(self) -> Recipe:
        """What the loop needs for the places of windows."""
        return self._for(self.place_epochs)

    def _for(self, epochs: int) -> Recipe:
        shared = {key: getattr(self, key) for key in Recipe.model_fields}
        return Recipe(**(shared | {"epochs": epochs}))

    def only(self, keys: frozenset[str]) -> dict[str, object]:
        """Some of the values."""
        return self.model_dump(include=set(keys))


OWN = ("place_", "gaussian_")
SYNTHETIC_KEYS = frozenset(key for key in DetectorRecipe.model_fields if not key.startswith(OWN))
"""What the `synthetic` detector is trained by."""
PLACE_KEYS = frozenset({*Recipe.model_fields, "place_width", "place_epochs"} - {"epochs"})
"""What the network of places is trained by."""
