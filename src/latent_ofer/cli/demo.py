"""`latent-ofer demo`: the whole way once, on the portrait that comes with the package."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from latent_ofer.cli import options
from latent_ofer.cli.output import one_line, readable_json, say
from latent_ofer.errors import LatentOFERError
from latent_ofer.files import whole_file, write_text
from latent_ofer.locks import held

if TYPE_CHECKING:
    from latent_ofer.results import FaceResult

PORTRAIT: Final = Path(__file__).parents[1] / "assets" / "portrait.jpg"
CREDIT: Final = "Eileen M. Collins, portrait by NASA, public domain"


def demo(
    output: options.Output,
    backend: options.Backend = "auto",
    detector: options.Detector = "default",
    threads: options.Threads = None,
    weights: options.Weights = None,
) -> None:
    """Hide part of a face in a public-domain portrait, and read its apparent expression.

    Writes DIR/figure.png with every stage and DIR/result.json.
    """
    from latent_ofer.figure import draw_figure, save_figure
    from latent_ofer.images.load import load_image
    from latent_ofer.occlusion.procedural import draw_demo_occluder
    from latent_ofer.pipeline import LatentOFER

    model = LatentOFER.from_pretrained(weights, backend=backend, detector=detector, threads=threads)
    portrait = load_image(PORTRAIT)
    clean = _only(model.predict(portrait), "the portrait")
    if clean.landmarks is None:
        raise LatentOFERError("the portrait's face has no landmarks; please report it")
    photo, covered = draw_demo_occluder(portrait, clean.landmarks)
    face = _only(model.predict(photo), "the portrait with an object over it")

    figure, record = output / "figure.png", output / "result.json"
    result = {
        "photo": {"name": PORTRAIT.name, "credit": CREDIT},
        "covered_pixels": int(covered.sum()),
        "without_object": clean.to_dict(),
        **face.to_dict(),
    }
    with held(output, "latent-ofer demo"):
        with whole_file(figure) as partial:
            save_figure(draw_figure(photo, face), partial)
        write_text(record, readable_json(result) + "\n")
    say(_summary(clean, face))
    say(f"Figure: {one_line(str(figure))}\nResult: {one_line(str(record))}")


def _only(faces: "list[FaceResult]", where: str) -> "FaceResult":
    if len(faces) != 1:
        raise LatentOFERError(f"expected one face in {where}, found {len(faces)}; please report it")
    return faces[0]


def _summary(clean: "FaceResult", face: "FaceResult") -> str:
    lines = [
        ("Photo", CREDIT),
        ("Hidden", f"{face.occlusion.ratio:.0%} of the face's patches"),
        ("Of each region", face.occlusion.describe() or "nowhere a quarter or more"),
        ("Without object", f"{clean.expression}, {clean.confidence:.0%}"),
        ("Before repair", f"{face.before.expression}, {face.before.confidence:.0%}"),
        ("After repair", f"{face.expression}, {face.confidence:.0%}"),
    ]
    return "\n".join(f"{name + ':':<16}{value}" for name, value in lines)
