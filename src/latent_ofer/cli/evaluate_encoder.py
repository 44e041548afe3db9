"""`latent-ofer evaluate encoder`: what the masked autoencoder has learnt."""

from pathlib import Path
from typing import Annotated

import typer

from latent_ofer.cli.demo import PORTRAIT
from latent_ofer.cli.options import Data, Report, Runs, Weights
from latent_ofer.cli.output import make_folder, print_report
from latent_ofer.cli.recognition_options import RUNS
from latent_ofer.files import whole_file


def encoder(
    data: Data,
    runs: Runs = RUNS,
    weights: Weights = None,
    faces: Annotated[
        int, typer.Option(min=1, metavar="N", help="Faces of each kind that get holes.")
    ] = 1000,
    probe_faces: Annotated[
        int, typer.Option(min=2, metavar="N", help="Training faces of the linear probe.")
    ] = 8000,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="So many faces at most in every part: a quick look."),
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Also draw holes filled in the package's own portrait: a PNG."
        ),
    ] = None,
    output: Report = None,
) -> None:
    """How well the encoder fills in holes, and what its latents tell of expressions.

    Validation faces, colour and grey apart, with holes of four kinds and sizes; a linear probe
    on FERPlus, beside the same on random weights and on coarse pixels. Takes about a quarter of
    an hour on one core.
    """
    try:
        from latent_ofer.evaluation.encoder import SEED, evaluate_encoder, open_encoder
        from latent_ofer.evaluation.encoder_samples import draw_samples, portrait_face
    except ImportError as error:
        raise ImportError(
            f"measuring the encoder needs torch and scikit-learn ({error.name} is missing): "
            'pip install "latent-ofer[train,evaluate]"'
        ) from error
    from latent_ofer.datasets.sources import Sources

    for file in (samples, output):
        if file is not None:
            make_folder(file.parent)
    opened = open_encoder(weights)
    if samples is not None:
        sheet = draw_samples(opened.mae, portrait_face(PORTRAIT), SEED)
        with whole_file(samples) as partial:
            sheet.save(partial, "PNG")
    figures = evaluate_encoder(
        Sources(data, runs / "cache"),
        opened,
        faces=faces,
        probe_faces=probe_faces,
        limit=limit,
    )
    print_report({"figure": "encoder", **figures}, output)
