"""From a photo to an apparent expression: the stages in a row, in batches."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, get_args, overload

import numpy as np

from latent_ofer import arrays
from latent_ofer.arrays import Pixels
from latent_ofer.backends.choose import BackendName, open_backend
from latent_ofer.backends.protocol import Backend, Mask
from latent_ofer.batching import outcomes
from latent_ofer.crops import CropReader, Finder
from latent_ofer.errors import ImageError
from latent_ofer.images.load import ImageSource
from latent_ofer.occlusion.patches import GRID
from latent_ofer.recogniser.views import Fusion
from latent_ofer.results import (
    COVER_TYPES,
    HIDING,
    Expression,
    FaceResult,
    Occlusion,
    Outcome,
)
from latent_ofer.stages import Stages
from latent_ofer.weights_folder import (
    SHIPPED,
    DetectorName,
    RecogniserName,
    Thresholds,
    WeightsFolder,
)

OnError = Literal["raise", "return"]

BATCH = 32
"""Faces that pass the networks at a time, unless told otherwise."""


class _Options(TypedDict, total=False):
    crops: bool
    labels: int
    batch_size: int
    abstain_below: float


class LatentOFER:
    """Reads apparent expressions from faces that something may partly hide.

    Make one with `LatentOFER.from_pretrained()`. The constructor takes the parts themselves:
    an engine, the thresholds of its detector, the side of an aligned face in pixels, a face
    finder (None: the one of the package, with `threads` threads, made when first needed), how
    the views of a face are fused (None: the repaired face alone is read), and which types of covers
    count as hidden.

    One made with `from_pretrained` can be pickled, and copied: its arguments are, and the weights
    are loaded and checked again where it is unpickled.

    Attributes
    ----------
    image_size : int
        Side of an aligned face, pixels.
    weights : WeightsFolder or None
        What they say of themselves, where it was made with `from_pretrained`.
    backend : str or None
        The engine, by the name that `from_pretrained` was given.
    """

    def __init__(
        self,
        backend: Backend,
        thresholds: Thresholds,
        image_size: int = 112,
        finder: Finder | None = None,
        threads: int | None = None,
        fusion: Fusion | None = None,
        treat_as_hidden: Collection[str] = HIDING,
    ) -> None:
        self._stages = Stages(backend, thresholds, fusion, treat_as_hidden)
        self._reader = CropReader(image_size, finder, threads)
        self.image_size = image_size
        self.weights: WeightsFolder | None = None
        self.backend: BackendName | None = None
        self._arguments: tuple[object, ...] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the arguments of `from_pretrained`: an engine holds what cannot be copied."""
        if self._arguments is None:
            raise TypeError(
                "a LatentOFER made of parts cannot be pickled, for its engine cannot: make it "
                "with LatentOFER.from_pretrained, or make one in each process"
            )
        return type(self).from_pretrained, self._arguments

    @classmethod
    def from_pretrained(
        cls,
        folder: str | Path | None = None,
        backend: BackendName = "auto",
        device: str = "auto",
        threads: int | None = None,
        detector: DetectorName = "default",
        recogniser: RecogniserName = "default",
        treat_as_hidden: Collection[str] | None = None,
    ) -> "LatentOFER":
        """Load trained networks; nothing is downloaded.

        Parameters
        ----------
        folder : path, optional
            A folder of weights; the ones shipped with the package when left out.
        backend : {"auto", "onnxruntime", "openvino-bf16", "torch"}
            "auto" takes onnxruntime where it is installed, else torch. The answers agree, but
            for "openvino-bf16": about one and a half times as fast on processors that compute in
            bfloat16, and rounded to three digits, which another expression may come of now and
            then.
        device : {"auto", "cpu"}
            Where the networks run: the processor, for now.
        threads : int, optional
            Threads of the engine; None leaves the choice to it.
        detector : {"default", "labelled", "synthetic", "one-class", "paper"}
            What finds hidden patches: a network trained on real covers, labelled by two looks,
            and on pasted ones ("labelled"), one trained on faces hidden by pasted objects alone
            ("synthetic"), a model of clean faces alone ("one-class") or the paper's SVDD
            (Eq. 1). "default" is the one of them that the weights name as such.
        recogniser : {"default", "views", "paper"}
            What reads the expression: a small CNN that looks at the face as it came, with its
            hidden part blanked, and repaired ("views"), or the paper's, on the repaired face and
            the latents that its attention picks ("paper", 3.4).
        treat_as_hidden : collection of str, optional
            Which types of covers count as hidden, of `results.COVER_TYPES`: "hand", "object",
            "cloth" (a mask too), "hair" and "sunglasses" where None, not clear "glasses", "text"
            and "shade". A region that is surely of another type is named, and neither masked nor
            repaired.

        Raises
        ------
        WeightsError
            If the weights are missing, altered or do not fit; the message names the file.
        ValueError
            If an argument is not one of the above, the weights have no such detector, or
            `treat_as_hidden` is given and it tells no types.
        ImportError
            If the backend is not installed; the message says what to install. If the processor
            does not compute in bfloat16 and that is asked for.
        """
        _check_choice("backend", backend, get_args(BackendName))
        _check_choice("device", device, ("auto", "cpu"))
        _check_choice("detector", detector, get_args(DetectorName))
        _check_choice("recogniser", recogniser, get_args(RecogniserName))
        if threads is not None:
            _check_positive("threads", threads)
        weights = WeightsFolder.open(SHIPPED if folder is None else folder)
        name, reader = weights.detector(detector), weights.recogniser(recogniser)
        if treat_as_hidden is not None:
            treat_as_hidden = tuple(treat_as_hidden)
            for cover in treat_as_hidden:
                _check_choice("treat_as_hidden", cover, COVER_TYPES)
            if not weights.tells_covers(name):
                raise ValueError(
                    f"treat_as_hidden: detector {name!r} of the weights in {weights.path} does not "
                    "tell what covers a face"
                )
        model = cls(
            open_backend(backend, weights, name, reader, threads),
            weights.thresholds[name],
            weights.image_size,
            threads=threads,
            fusion=weights.recognisers[reader],
            treat_as_hidden=HIDING if treat_as_hidden is None else treat_as_hidden,
        )
        # Where the process stands may change until the arguments are used again.
        place = None if folder is None else Path(folder).absolute()
        model.weights, model.backend = weights, backend
        model._arguments = (
            *(place, backend, device, threads, detector, recogniser),
            treat_as_hidden,
        )
        return model

    # A str is a sequence of str as well: the overloads for one image come first and win.
    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        images: ImageSource,
        *,
        on_error: Literal["raise"] = ...,
        **options: Unpack[_Options],
    ) -> list[FaceResult]: ...

    @overload
    def predict(
        self,
        images: Sequence[ImageSource],
        *,
        on_error: Literal["raise"] = ...,
        **options: Unpack[_Options],
    ) -> list[list[FaceResult]]: ...

    @overload
    def predict(  # type: ignore[overload-overlap]
        self, images: ImageSource, *, on_error: Literal["return"], **options: Unpack[_Options]
    ) -> Outcome: ...

    @overload
    def predict(
        self,
        images: Sequence[ImageSource],
        *,
        on_error: Literal["return"],
        **options: Unpack[_Options],
    ) -> list[Outcome]: ...

    def predict(
        self,
        images: ImageSource | Sequence[ImageSource],
        *,
        crops: bool = False,
        labels: int = 8,
        batch_size: int = BATCH,
        abstain_below: float = 0,
        on_error: OnError = "raise",
    ) -> object:
        """Find every face and read its apparent expression, before and after repair.

        Parameters
        ----------
        images : path, bytes, PIL image or (H, W, 3) uint8 RGB array; or a list of them
            One image gives a list of faces (`results.Faces`, with the image's ``path``), from
            left to right, empty if there is none; a list of images gives a list of such lists,
            in the same order. A PIL image is turned as its EXIF says where it is the one that
            was opened; what was made of it, as by rotating or converting, is taken as it is.
        crops : bool
            The images are face crops already: one face each, none searched for; any size or
            shape is centred on a square with repeated edges.
        labels : {8, 7}
            7 leaves out contempt and renormalises.
        batch_size : int
            Faces that pass the networks at a time, across images.
        abstain_below : float in [0, 1]
            A face read with less confidence is "uncertain", its two likeliest labels are
            `alternatives`; its probabilities stay. 0: never.
        on_error : {"raise", "return"}
            "return" puts an `ImageError` in the place of an image that cannot be used.

        Raises
        ------
        ImageError
            If an image cannot be used and `on_error` is "raise".
        ValueError
            If an argument is out of range.
        """
        _check_choice("on_error", on_error, ("raise", "return"))
        several = isinstance(images, list | tuple)
        collected = []
        for outcome in self.predict_each(
            images if several else [images],  # type: ignore[arg-type, list-item]
            crops=crops,
            labels=labels,
            batch_size=batch_size,
            abstain_below=abstain_below,
        ):
            if isinstance(outcome, ImageError) and on_error == "raise":
                raise outcome
            collected.append(outcome)
        return collected if several else collected[0]

    def predict_each(
        self,
        images: Iterable[ImageSource | ImageError],
        *,
        crops: bool = False,
        labels: int = 8,
        batch_size: int = BATCH,
        abstain_below: float = 0,
    ) -> Iterator[Outcome]:
        """`predict` for long lists: one outcome an image, in order, as batches fill.

        Images are read as they are needed and only their aligned faces are kept; an image that
        cannot be used gives its `ImageError`, and so does one in the place of an image, for
        callers who read images themselves.

        Raises
        ------
        ValueError
            If an argument is out of range.
        """
        _check_choice("labels", labels, (8, 7))
        _check_positive("batch_size", batch_size)
        if not 0 <= abstain_below <= 1:
            raise ValueError(f"abstain_below must be from 0 to 1; got {abstain_below!r}")
        read = self._reader.whole if crops else self._reader.faces
        return outcomes(images, read, self._stages, labels, batch_size, abstain_below)

    def detect(self, face: Pixels) -> Any:
        """Which patches hide an aligned face (S, S, 3) uint8, or each of a batch (B, S, S, 3).

        Returns
        -------
        Occlusion, or a list of them for a batch

        Raises
        ------
        ValueError
            If the array is not of that shape and type.
        """
        faces, single = arrays.as_batch(face, self.image_size)
        occlusions: list[Occlusion] = []
        for part in _parts(len(faces)):
            occlusions += self._stages.detect(faces[part])
        return occlusions[0] if single else occlusions

    def reconstruct(self, face: Pixels, mask: Mask) -> Pixels:
        """Repair the hidden part of an aligned face, or of each of a batch.

        Parameters
        ----------
        face : (S, S, 3) or (B, S, S, 3) uint8 RGB
        mask : (14, 14) or (S, S) bool, or one for each face
            True where hidden. Visible pixels come back untouched.

        Returns
        -------
        uint8 RGB of the shape of `face`

        Raises
        ------
        ValueError
            If an array is not of these shapes and types.
        """
        faces, single = arrays.as_batch(face, self.image_size)
        patches, pixels = arrays.as_masks(mask, len(faces), self.image_size)
        repaired = faces.copy()
        for part in _parts(len(faces)):
            repaired[part] = self._stages.reconstruct(faces[part], patches[part])
        if pixels is not None:
            repaired = np.where(pixels[..., None], repaired, faces)
        return repaired[0] if single else repaired

    def recognise(self, face: Pixels, mask: Mask | None = None) -> Any:
        """Read the apparent expression of an aligned face, or of each of a batch, as it is.

        Parameters
        ----------
        face : (S, S, 3) or (B, S, S, 3) uint8 RGB
        mask : (14, 14) or (S, S) bool, or one for each face, optional
            True where the face is hidden: the `views` recogniser does not look there, the
            `paper` one is told that those patches were repaired. Nothing is repaired here.

        Returns
        -------
        Expression, or a list of them for a batch

        Raises
        ------
        ValueError
            If an array is not of these shapes and types.
        """
        faces, single = arrays.as_batch(face, self.image_size)
        nothing = np.zeros((GRID, GRID), dtype=np.bool_)
        given = nothing if mask is None else mask
        patches, _ = arrays.as_masks(given, len(faces), self.image_size)
        expressions: list[Expression] = []
        for part in _parts(len(faces)):
            expressions += self._stages.recognise(faces[part], patches[part])
        return expressions[0] if single else expressions


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + BATCH) for start in range(0, count, BATCH))


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {listed}; got {value!r}")


def _check_positive(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number from 1 up; got {value!r}")
