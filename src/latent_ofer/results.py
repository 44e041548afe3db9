"""What comes out: plain frozen data with named fields."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import ImageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FloatArray = NDArray[np.floating[Any]]

REGIONS: Final = (
    *("left_eye", "right_eye", "nose", "mouth"),
    *("left_cheek", "right_cheek", "forehead", "chin"),
)
"""The parts of a face that have a name; left and right are those of the image."""

HAND: Final = "hand"
HIDING: Final = (HAND, "object", "cloth", "hair", "sunglasses")
"""Types of covers that hide a part of a face; a mask is cloth."""
HARMLESS: Final = ("glasses", "text", "shade")
"""Types that lie over it and hide little: clear glasses, letters, shadow."""
COVER_TYPES: Final = (*HIDING, *HARMLESS)

UNCERTAIN: Final = "uncertain"
"""The expression of a face that is read with less confidence than was asked for."""

_WORTH_NAMING: Final = 0.25
"""Share of a region that must be hidden for `Occlusion.describe` to name it."""


def _plain(array: FloatArray) -> list[Any]:
    """Nested lists, to six decimals: more is noise and makes files twice as long."""
    nested: list[Any] = np.round(array.astype(np.float64), 6).tolist()
    return nested


@dataclass(frozen=True)
class Cover:
    """One thing that covers a part of a face.

    Attributes
    ----------
    type : str
        One of `COVER_TYPES`.
    probability : float
        That it is of this type, 0 to 1: of a hidden region among the types that hide.
    share : float
        Of the face's patches that it covers, 0 to 1.
    hidden : bool
        Whether what is below it counts as hidden.
    """

    type: str
    probability: float
    share: float
    hidden: bool

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, safe for JSON."""
        return {
            "type": self.type,
            "probability": round(self.probability, 6),
            "share": round(self.share, 6),
            "hidden": self.hidden,
        }


@dataclass(frozen=True, eq=False)
class Occlusion:
    """Which patches hide the face.

    Attributes
    ----------
    scores : (14, 14) float
        Higher is more likely hidden: 0 to 1 from `labelled` and `synthetic`, standard
        deviations from what clean faces have from the `one-class` detector, the distance to
        the centre of clean faces, in radii, from the `paper` detector (Eq. 1).
    mask : (14, 14) bool
        True where the patch is hidden: the score exceeds the threshold, and what covers it is not
        surely of a type that is not to count (`treat_as_hidden`).
    ratio : float
        Share of hidden patches, 0 to 1.
    threshold : float
        The threshold that was used; grey and colour faces have their own.
    regions : dict of str to float
        Hidden share, 0 to 1, of left_eye, right_eye, nose, mouth, left_cheek, right_cheek,
        forehead and chin; left and right are those of the image. They lie by the landmarks of a
        face found in a photo, by the template of aligned faces in a ready crop.
    covers : tuple of Cover
        What covers the face: each hidden region, the largest first, and what lies over the face
        and hides little. Empty where nothing does, or the weights' detector tells no types.
    """

    scores: FloatArray
    mask: NDArray[np.bool_]
    ratio: float
    threshold: float
    regions: dict[str, float]
    covers: tuple[Cover, ...] = ()

    def describe(self) -> str:
        """Name the regions that are hidden to a quarter or more, most hidden first.

        Returns
        -------
        str
            Such as "mouth 83%, chin 60%"; empty where there are none.
        """
        named = [item for item in self.regions.items() if item[1] >= _WORTH_NAMING]
        named.sort(key=lambda item: -item[1])
        return ", ".join(f"{name.replace('_', ' ')} {share:.0%}" for name, share in named)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, safe for JSON."""
        return {
            "scores": _plain(self.scores),
            "mask": self.mask.tolist(),
            "ratio": self.ratio,
            "threshold": self.threshold,
            "regions": {name: round(share, 6) for name, share in self.regions.items()},
            "covers": [cover.to_dict() for cover in self.covers],
        }


@dataclass(frozen=True, eq=False)
class Expression:
    """An apparent expression: what a face looks like, not what a person feels.

    Attributes
    ----------
    expression : str
        The likeliest label.
    confidence : float
        Its calibrated probability, 0 to 1.
    probabilities : dict of str to float
        One per label, in the order of `latent_ofer.EXPRESSIONS`; they sum to 1.
    attention : (14, 14) float
        Where the recogniser looked, row-major from the top left; higher is more.
    """

    expression: str
    confidence: float
    probabilities: dict[str, float]
    attention: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain Python, safe for JSON."""
        return {
            "expression": self.expression,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "attention": _plain(self.attention),
        }


@dataclass(frozen=True, eq=False)
class FaceResult:
    """One face: its apparent expression after repair, and each step on the way there.

    Attributes
    ----------
    expression, confidence, probabilities, attention
        As in `Expression`, read from the repaired face.
    before : Expression
        The same recogniser on the face as it came.
    occlusion : Occlusion
        What hides the face.
    box : (x0, y0, x1, y1) floats, pixels, or None
        In the upright photo (EXIF orientation applied); None when the input was a crop.
    landmarks : (5, 2) float, pixels, or None
        Eyes, nose, corners of the mouth as (x, y) in the upright photo; None for a crop.
    face : (S, S, 3) uint8 RGB
        The aligned face.
    reconstruction : (S, S, 3) uint8 RGB
        The repaired face; equal to `face` where nothing is hidden.
    alternatives : tuple of two str
        The two likeliest labels, where `expression` is `UNCERTAIN` as `abstain_below` asked for;
        empty otherwise.
    face_score : float, or None
        How sure the finder is that this is a face, 0 to 1; None for a crop.
    """

    expression: str
    confidence: float
    probabilities: dict[str, float]
    before: Expression
    occlusion: Occlusion
    attention: FloatArray
    box: tuple[float, float, float, float] | None
    landmarks: FloatArray | None
    face: NDArray[np.uint8]
    reconstruction: NDArray[np.uint8]
    alternatives: tuple[str, ...] = ()
    face_score: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Everything but the two pictures as plain Python, safe for JSON."""
        return {
            "expression": self.expression,
            "confidence": self.confidence,
            "probabilities": dict(self.probabilities),
            "alternatives": list(self.alternatives),
            "before": self.before.to_dict(),
            "occlusion": self.occlusion.to_dict(),
            "attention": _plain(self.attention),
            "box": None if self.box is None else [round(float(v), 2) for v in self.box],
            "landmarks": None if self.landmarks is None else _plain(self.landmarks),
            "face_score": None if self.face_score is None else round(self.face_score, 6),
        }

    def plot(self) -> "Figure":
        """Draw the stages: face, hidden part, mask, repair, probabilities, regions.

        Returns
        -------
        matplotlib.figure.Figure
            10 x 6.2 inches, white; a notebook shows it, its `savefig` writes PNG, PDF or SVG.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            from latent_ofer.plots import plot_face
        except ImportError as error:
            raise ImportError(
                "plot needs matplotlib, which is not installed: pip install 'latent-ofer[plot]'"
            ) from error
        return plot_face(self)

    def _repr_html_(self) -> str:
        from latent_ofer.notebook import face_html

        return face_html(self)


class Faces(list[FaceResult]):
    """The faces of one image, from left to right: a list that knows its image.

    Attributes
    ----------
    path : str or None
        The file, where the image came from one.
    """

    def __init__(self, faces: Iterable[FaceResult] = (), path: str | None = None) -> None:
        super().__init__(faces)
        self.path = path

    def _repr_html_(self) -> str:
        from latent_ofer.notebook import faces_html

        return faces_html(self)


Outcome = list[FaceResult] | ImageError
"""What one image gives: its `Faces` (none, if none was found), or why it cannot be used."""
