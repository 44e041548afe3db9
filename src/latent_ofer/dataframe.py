"""Results as a table of pandas, one row a face."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from latent_ofer.errors import ImageError
from latent_ofer.labels import EXPRESSIONS
from latent_ofer.names import utf8_text
from latent_ofer.results import REGIONS, FaceResult, Faces, Outcome

if TYPE_CHECKING:
    import pandas

FLAT_COLUMNS: Final[dict[str, type]] = {
    "status": str,
    "face": int,
    "faces": int,
    "expression": str,
    "confidence": float,
    "before_expression": str,
    "before_confidence": float,
    "hidden_ratio": float,
    **{f"hidden_{region}": float for region in REGIONS},
    **dict.fromkeys(("x0", "y0", "x1", "y1", "face_score"), float),
    **{f"p_{label}": float for label in EXPRESSIONS},
    **{f"before_p_{label}": float for label in EXPRESSIONS},
    "error_code": str,
    "error_message": str,
}
"""What a row says of a face, in order, and of which type that is."""


def to_dataframe(
    results: Iterable[FaceResult | Outcome] | Outcome | FaceResult,
) -> "pandas.DataFrame":
    """Lay results out as a table, one row a face.

    Parameters
    ----------
    results : what `predict` or `predict_each` gives
        Of one image or of several; a list, a generator or any other iterable of faces, which are
        taken for those of one image, or of outcomes, one an image; one face or one error. An
        image without a face and an `ImageError` take a row each, so no image goes missing.

    Returns
    -------
    pandas.DataFrame
        Columns image (counted from 0), file (its path; none where it came from memory), status
        ("ok", "no_face", "error"), face, faces, expression, confidence, before_expression,
        before_confidence, hidden_ratio, hidden_<region> (0 to 1), x0, y0, x1, y1 (pixels),
        face_score, p_<label> and before_p_<label>, error_code, error_message.

    Raises
    ------
    ImportError
        If pandas is not installed.
    ValueError
        If `results` is something else.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_dataframe needs pandas, which is not installed: pip install pandas"
        ) from error
    outcomes = _by_image(results)
    rows = [row for image, outcome in enumerate(outcomes) for row in _rows(image, outcome)]
    return pandas.DataFrame(rows, columns=["image", "file", *FLAT_COLUMNS])


def _by_image(results: object) -> list[Outcome]:
    if isinstance(results, Faces | ImageError):
        return [results]
    if isinstance(results, FaceResult):
        return [[results]]
    if not isinstance(results, Iterable) or isinstance(results, str | bytes | dict):
        raise _refused(results)
    items = list(results)
    faces = [item for item in items if isinstance(item, FaceResult)]
    if faces and len(faces) == len(items):
        return [faces]
    for item in items:
        if not isinstance(item, list | ImageError):
            raise _refused(item)
        for face in item if isinstance(item, list) else ():
            if not isinstance(face, FaceResult):
                raise _refused(face)
    return items


def _refused(item: object) -> ValueError:
    return ValueError(
        "to_dataframe takes a list of FaceResult or of such lists and ImageErrors, as predict "
        f"gives; got a {type(item).__name__} where one should be"
    )


def flat_rows(outcome: Outcome) -> list[dict[str, Any]]:
    """One image's rows under names of `FLAT_COLUMNS`: one a face, or one that says why not."""
    if isinstance(outcome, ImageError):
        error = {"error_code": outcome.code, "error_message": utf8_text(outcome.message)}
        return [{"status": "error", **error}]
    if not outcome:
        return [{"status": "no_face", "faces": 0}]
    return [
        {
            "status": "ok",
            "face": index,
            "faces": len(outcome),
            "expression": face.expression,
            "confidence": face.confidence,
            "before_expression": face.before.expression,
            "before_confidence": face.before.confidence,
            "hidden_ratio": face.occlusion.ratio,
            **{f"hidden_{region}": share for region, share in face.occlusion.regions.items()},
            **dict(zip(("x0", "y0", "x1", "y1"), face.box or (None,) * 4, strict=True)),
            "face_score": face.face_score,
            **{f"p_{label}": p for label, p in face.probabilities.items()},
            **{f"before_p_{label}": p for label, p in face.before.probabilities.items()},
        }
        for index, face in enumerate(outcome)
    ]


def _rows(image: int, outcome: Outcome) -> list[dict[str, Any]]:
    path = getattr(outcome, "path", None)
    where = {"image": image, "file": None if path is None else utf8_text(path)}
    return [{**where, **row} for row in flat_rows(outcome)]
