"""Figures of faces, annotated photos and frames: what a run draws of a picture."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from latent_ofer.arrays import Pixels
from latent_ofer.figure import Preview, draw_figure
from latent_ofer.overlay import annotate
from latent_ofer.predict.following import Followed
from latent_ofer.predict.reading import Origin
from latent_ofer.predict.results_folder import ResultsFolder
from latent_ofer.results import FaceResult


def draw_figures(
    results: ResultsFolder, image: int, preview: Preview, faces: Sequence[FaceResult]
) -> list[str]:
    """Draw every stage of each face; gives the places of the figures below the folder."""
    return [
        results.add_figure(image, number, draw_figure(preview, face))
        for number, face in enumerate(faces)
    ]


def draw_annotated(
    results: ResultsFolder,
    image: int,
    origin: Origin,
    photo: Pixels,
    faces: Sequence[FaceResult],
    followed: Sequence[Followed],
) -> str | None:
    """Draw boxes, labels and hidden parts; gives the place of the photo or video, if there is one.

    Faces of a frame have their track and what their expressions come to so far. A photo without a
    face is not drawn, a frame is: it has its place in the video.
    """
    if origin.frame is None:
        if not faces:
            return None
        return results.add_annotated(image, Image.fromarray(annotate(photo, faces)))
    shown = [
        replace(face, expression=one.expression, confidence=one.smoothed[one.expression])
        for face, one in zip(faces, followed, strict=True)
    ]
    names = [f"{one.seen.track}:" for one in followed]
    return results.add_frame(image, origin.input, Image.fromarray(annotate(photo, shown, names)))
