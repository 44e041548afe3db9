"""`latent-ofer evaluate`: the figures of docs/results.md, a command each."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer

from latent_ofer.cli.evaluate_encoder import encoder
from latent_ofer.cli.evaluate_more import everything, table1, table7, table10
from latent_ofer.cli.evaluate_real_occlusion import occlusion_ferplus, table4, table5, table6
from latent_ofer.cli.evaluate_recognition import figure1, occlusion, table3
from latent_ofer.cli.evaluate_repair import table2, table8, table9
from latent_ofer.cli.options import (
    Backend,
    Codes,
    Data,
    Detector,
    Occluders,
    ReadBy,
    Report,
    Runs,
    Sets,
    Threads,
    Weights,
    Workers,
    named_sets,
)
from latent_ofer.cli.output import print_report
from latent_ofer.cli.recognition_options import needing_evaluation

evaluate = typer.Typer(
    help="Measure: the figures of docs/results.md, and the tables and figures of the paper.",
    no_args_is_help=True,
)

Limit = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Use only so many faces of each kind: a quick look."),
]
Hole = Literal["1-10", "10-20", "20-30", "30-40", "40-50", "50-60"]
RUNS = Path("runs")
COVERS = "ferplus_occlusions.csv"


@evaluate.command()
def detection(
    data: Data,
    runs: Runs = RUNS,
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = None,
    output: Report = None,
) -> None:
    """Which patches are hidden: validation faces with unseen objects, and real masks."""
    from latent_ofer.evaluation.detection import evaluate_detection
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.weights_folder import SHIPPED, WeightsFolder

    model = LatentOFER.from_pretrained(weights, backend, threads=threads, detector=detector)

    def scores(faces: Any) -> Any:
        return np.stack([occlusion.scores for occlusion in model.detect(faces)])

    folder = WeightsFolder.open(weights or SHIPPED)
    name = folder.detector(detector)
    thresholds = folder.thresholds[name]
    figures = evaluate_detection(data, runs / "cache", scores, thresholds, limit=limit)
    print_report({"figure": "detection", "detector": name, **figures}, output)


@evaluate.command()
def repair(
    data: Data,
    runs: Runs = RUNS,
    hole: Annotated[
        Hole | None, typer.Option(help="Share of hidden pixels in per cent; all by default.")
    ] = None,
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = None,
    output: Report = None,
) -> None:
    """How near repaired faces come to the true ones, irregular holes, true mask given."""
    with needing_evaluation():
        from latent_ofer.evaluation.repair import repair_test
    from latent_ofer.occlusion.irregular import BINS
    from latent_ofer.pipeline import LatentOFER

    model = LatentOFER.from_pretrained(weights, backend, threads=threads)
    chosen = [share for share in BINS if hole in (None, name_of(share))]
    figures = repair_test(data, runs / "cache", model.reconstruct, limit=limit, bins=chosen)
    print_report({"figure": "repair", **figures}, output)


@evaluate.command("real-occlusion")
def real_occlusion(
    data: Data = Path(),
    listed: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="CSV of what covers each face (file, pass_a, pass_b, split); "
            "ferplus_occlusions.csv of the data folder by default.",
        ),
    ] = None,
    split: Annotated[
        Literal["val", "dev"], typer.Option(help="dev decides, val only reports.")
    ] = "val",
    outlines: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV of hidden patches of some of the faces; the package's own by default.",
        ),
    ] = None,
    runs: Runs = RUNS,
    detector: Detector = "default",
    recogniser: ReadBy = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = None,
    output: Report = None,
) -> None:
    """Real covers on FERPlus faces: found, told from faces with nothing, and read right.

    By cover, faces on which both looks agree; against the faces over which neither saw anything.
    """
    from latent_ofer.datasets.archives import read_ferplus
    from latent_ofer.datasets.covers import read_covers, read_outlines, validation_outlines
    from latent_ofer.datasets.pool import FacePool
    from latent_ofer.evaluation.real_covers import evaluate_real_covers
    from latent_ofer.evaluation.recognition import SEED
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.weights_folder import SHIPPED, WeightsFolder

    folder = WeightsFolder.open(weights or SHIPPED)
    model = LatentOFER.from_pretrained(
        weights, backend, threads=threads, detector=detector, recogniser=recogniser
    )
    pool = FacePool([read_ferplus(data, split, runs / "cache")])
    covers = read_covers(listed or data / COVERS, {"val": "valid"}.get(split, split))
    outlined = validation_outlines() if outlines is None else read_outlines(outlines)
    rng = np.random.default_rng(SEED)
    about = {
        "figure": "real-occlusion",
        "split": split,
        "seed": SEED,
        "detector": folder.detector(detector),
        "recogniser": folder.recogniser(recogniser),
    }
    figures = evaluate_real_covers(pool, covers, outlined, model, rng, limit)
    print_report({**about, **figures}, output)


@evaluate.command()
def recognition(
    data: Data = Path(),
    sets: Sets = None,
    codes: Codes = None,
    split: Annotated[
        Literal["train", "val", "test"], typer.Option(help="Which faces of the sets to measure on.")
    ] = "test",
    occluders: Occluders = None,
    workers: Workers = 1,
    runs: Runs = RUNS,
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    limit: Limit = None,
    output: Report = None,
) -> None:
    """The whole pipeline on FERPlus validation, clean and behind objects; another source.

    With --set, on the faces of those sets that have a label.
    """
    from latent_ofer.datasets.archives import read_faces
    from latent_ofer.datasets.sources import Sources
    from latent_ofer.evaluation.recognition import SEED, evaluate_recognition, other_source
    from latent_ofer.pipeline import LatentOFER
    from latent_ofer.weights_folder import SHIPPED, WeightsFolder

    model = LatentOFER.from_pretrained(weights, backend, threads=threads, detector=detector)
    name = WeightsFolder.open(weights or SHIPPED).detector(detector)
    sources = Sources(data, runs / "cache", named_sets(sets, codes), occluders, workers)
    about = {"figure": "recognition", "detector": name}
    rng = np.random.default_rng(SEED)
    if sources.sets:
        for line in sources.summaries():
            typer.echo(line, err=True)
        about |= {"set": str(sources), "split": split}
        faces = sources.labelled(split)
    else:
        about |= {"split": "validation", "rule": "majority"}
        faces = sources.labelled("val")
    figures = evaluate_recognition(faces, sources.cutouts("val"), model, rng, limit=limit)
    if not sources.sets:
        photos = read_faces(data, "val", sources.cache)
        figures["other_source"] = other_source(photos, model, rng, limit)
    print_report({**about, **figures}, output)


@evaluate.command()
def face_finding(
    data: Data,
    collages: Annotated[int, typer.Option(min=1, help="How many collages to make.")] = 100,
    output: Report = None,
) -> None:
    """Faces found in generated collages of validation faces, and in the demo photo."""
    from latent_ofer.datasets.archives import archive
    from latent_ofer.evaluation.face_finding import evaluate_face_finding

    figures = evaluate_face_finding(archive(data, "faces.zip"), collages)
    print_report({"figure": "face finding", **figures}, output)


@evaluate.command()
def parity(
    data: Data,
    runs: Runs = RUNS,
    weights: Weights = None,
    threads: Threads = None,
    output: Report = None,
) -> None:
    """Whether torch and onnxruntime answer alike on 200 crops with objects."""
    from latent_ofer.evaluation.engines import FACES, crops_with_objects, evaluate_parity
    from latent_ofer.pipeline import LatentOFER

    one = LatentOFER.from_pretrained(weights, "onnxruntime", threads=threads)
    other = LatentOFER.from_pretrained(weights, "torch", threads=threads)
    faces = crops_with_objects(data, runs / "cache", FACES)
    print_report({"figure": "parity", **evaluate_parity(one, other, faces)}, output)


@evaluate.command()
def speed(
    data: Data,
    runs: Runs = RUNS,
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Threads = None,
    output: Report = None,
) -> None:
    """Faces a second through the whole pipeline; nothing else should run meanwhile."""
    from latent_ofer.evaluation.engines import FACES, crops_with_objects, evaluate_speed
    from latent_ofer.pipeline import LatentOFER

    model = LatentOFER.from_pretrained(weights, backend, threads=threads)
    faces = crops_with_objects(data, runs / "cache", FACES)
    print_report({"figure": "speed", **evaluate_speed(model, faces)}, output)


@evaluate.command()
def detection_speed(
    detector: Detector = "default",
    backend: Backend = "auto",
    weights: Weights = None,
    threads: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processor threads of the engine.")
    ] = 2,
    output: Report = None,
) -> None:
    """Milliseconds per face of encoder and detector; nothing else should run meanwhile.

    In a batch of 32 made-up faces; the middle one of 20 repeats after a warm-up.
    """
    from latent_ofer.backends.choose import open_backend
    from latent_ofer.evaluation.engines import evaluate_detection_speed
    from latent_ofer.weights_folder import SHIPPED, WeightsFolder

    folder = WeightsFolder.open(weights or SHIPPED)
    name = folder.detector(detector)
    engine = open_backend(backend, folder, name, folder.default_recogniser, threads)
    about = {"figure": "detection speed", "detector": name, "threads": threads}
    print_report({**about, **evaluate_detection_speed(engine, folder.image_size)}, output)


def name_of(share: tuple[float, float]) -> str:
    """A bin of hole shares in per cent, such as "20-30"."""
    return "-".join(f"{100 * limit:.0f}" for limit in share)


evaluate.command()(encoder)
REPORTS = (
    *(table1, table2, table3, table4, table5, table6, table7, table8, table9, table10),
    *(figure1, occlusion, occlusion_ferplus),
)
PANEL = "The paper's tables and figures, with plots, on any data set"
for one in REPORTS:
    evaluate.command(rich_help_panel=PANEL)(one)
evaluate.command("all", rich_help_panel=PANEL)(everything)
