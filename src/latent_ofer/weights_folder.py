"""The folder of weights: every file is checked against the manifest before it is used."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.errors import WeightsError
from latent_ofer.files import read_sha256
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.views import Fusion
from latent_ofer.tensor_file import check_tensors

FORMAT = 2
WEIGHTS = "model.safetensors"
COVERS = "covers"
"""Entry of the manifest with the types that the `labelled` detector tells; absent where none."""
SHIPPED = Path(__file__).parent / "weights"
"""The weights that come with the package."""
DetectorName = Literal["default", "labelled", "synthetic", "one-class", "paper"]
"""The families of detectors, and the one that the weights take unless told otherwise."""
RecogniserName = Literal["default", "views", "paper"]
"""The recognisers, and the one that the weights take unless told otherwise."""
_DEFAULT = "default"


@dataclass(frozen=True)
class Thresholds:
    """Scores above which a patch counts as hidden, for colour faces and for grey ones."""

    colour: float
    grey: float

    def of(self, grey: NDArray[np.bool_]) -> NDArray[np.float64]:
        """The threshold of each face, in the shape of `grey`, which says which are."""
        return np.where(grey, self.grey, self.colour)


@dataclass(frozen=True)
class WeightsFolder:
    """A checked folder of weights; make one with `WeightsFolder.open`.

    Attributes
    ----------
    path : Path
        The folder.
    configuration : str
        Name of the network configuration, such as "small".
    image_size, patch_size : int
        Pixels; an aligned face is `image_size` squared, on a grid of 14 x 14 patches.
    latent_dim : int
        Length of one patch's latent vector.
    thresholds : dict of str to Thresholds
        Of each detector that the weights hold, by its name.
    default_detector : str
        The one of them that is taken unless told otherwise.
    recognisers : dict of str to Fusion or None
        Of each recogniser that the weights hold, by its name; None where the repaired face alone
        is read.
    default_recogniser : str
        The one of them that is taken unless told otherwise.
    files : frozenset of str
        Names of the files that the manifest lists; all are present and unaltered.
    manifest : dict
        The whole manifest as read: mean and std, licence, hashes of data and recipes.
    """

    path: Path
    configuration: str
    image_size: int
    patch_size: int
    latent_dim: int
    thresholds: dict[str, Thresholds]
    default_detector: str
    recognisers: dict[str, Fusion | None]
    default_recogniser: str
    files: frozenset[str]
    manifest: dict[str, Any]

    @classmethod
    def open(cls, path: str | Path) -> "WeightsFolder":
        """Read the manifest, check the size and SHA-256 of every file that it lists, and look
        through the tensors: those that the manifest names, and finite numbers all of them.

        Raises
        ------
        WeightsError
            Naming the file that is missing, truncated, altered or does not fit this version, and
            the tensor where one is at fault.
        """
        path = Path(path)
        manifest = _read_manifest(path)
        try:
            folder = cls(
                path=path,
                configuration=str(manifest["configuration"]),
                image_size=int(manifest["image_size"]),
                patch_size=int(manifest["patch_size"]),
                latent_dim=int(manifest["latent_dim"]),
                thresholds={
                    name: Thresholds(float(pair["colour"]), float(pair["grey"]))
                    for name, pair in manifest["thresholds"].items()
                },
                default_detector=str(manifest["default_detector"]),
                recognisers={
                    name: None if entry is None else Fusion.parse(entry)
                    for name, entry in manifest["recognisers"].items()
                },
                default_recogniser=str(manifest["default_recogniser"]),
                files=frozenset(manifest["files"]),
                manifest=manifest,
            )
            labels = tuple(manifest["labels"])
            expected = {
                name: (int(entry["bytes"]), str(entry["sha256"]))
                for name, entry in manifest["files"].items()
            }
            tensors = {str(name): str(entry) for name, entry in manifest["tensors"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(
                f"{path / 'manifest.json'}: incomplete or malformed "
                f"({type(error).__name__}: {error}); get the weights again"
            ) from error
        _check_fit(folder, labels)
        for name, (size, digest) in sorted(expected.items()):
            _check_file(path, name, size, digest)
        check_tensors(folder.file(WEIGHTS), tensors)
        return folder

    def file(self, name: str) -> Path:
        """Path of a checked file.

        Raises
        ------
        WeightsError
            If the manifest does not list it.
        """
        if name not in self.files:
            raise WeightsError(
                f"{self.path / name}: not listed in manifest.json; these weights are incomplete"
            )
        return self.path / name

    def tells_covers(self, detector: str) -> bool:
        """Whether one of its detectors tells what covers a face."""
        return detector == "labelled" and COVERS in self.manifest

    def detector(self, name: str) -> str:
        """The detector that a name stands for: "default" is another name of one of them.

        Raises
        ------
        ValueError
            If the weights have no such detector; names those that they have.
        """
        return self._named("detector", name, self.default_detector, self.thresholds)

    def recogniser(self, name: str) -> str:
        """The recogniser that a name stands for: "default" is another name of one of them.

        Raises
        ------
        ValueError
            If the weights have no such recogniser; names those that they have.
        """
        return self._named("recogniser", name, self.default_recogniser, self.recognisers)

    def _named(self, kind: str, name: str, default: str, known: Collection[str]) -> str:
        found = default if name == _DEFAULT else name
        if found not in known:
            has = ", ".join(dict.fromkeys([_DEFAULT, *known]))
            raise ValueError(f"the weights in {self.path} have no {kind} {name!r}, only {has}")
        return found


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise WeightsError(
            f"{path}: missing; give a folder of weights, or reinstall latent-ofer for its own"
        ) from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: unreadable ({error}); get the weights again") from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if version != FORMAT:
        raise WeightsError(
            f"{path}: format {version!r}, but this version of latent-ofer reads format {FORMAT}"
        )
    checked: dict[str, Any] = manifest
    return checked


def _check_fit(folder: WeightsFolder, labels: tuple[str, ...]) -> None:
    path = folder.path / "manifest.json"
    if labels != EXPRESSIONS:
        raise WeightsError(
            f"{path}: labels {list(labels)} differ from this version's {list(EXPRESSIONS)}"
        )
    if folder.image_size != GRID * folder.patch_size or folder.patch_size < 1:
        raise WeightsError(
            f"{path}: {folder.image_size} px with patches of {folder.patch_size} px "
            f"do not make a {GRID} x {GRID} grid"
        )
    if folder.default_detector not in folder.thresholds:
        raise WeightsError(f"{path}: no thresholds of its detector {folder.default_detector!r}")
    if folder.default_recogniser not in folder.recognisers:
        raise WeightsError(f"{path}: no entry for its recogniser {folder.default_recogniser!r}")


def _check_file(folder: Path, name: str, size: int, digest: str) -> None:
    path = folder / name
    if Path(name).name != name:
        raise WeightsError(f"{folder / 'manifest.json'}: {name!r} is not a plain file name")
    try:
        found = path.stat().st_size
        if found != size:
            raise WeightsError(
                f"{path}: {found} bytes where the manifest says {size}: truncated or altered; "
                "get the weights again"
            )
        actual = read_sha256(path)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: missing; get the weights again") from error
    except OSError as error:
        raise WeightsError(f"{path}: unreadable ({error.strerror})") from error
    if actual != digest:
        raise WeightsError(
            f"{path}: altered (its SHA-256 is not the manifest's); get the weights again"
        )
