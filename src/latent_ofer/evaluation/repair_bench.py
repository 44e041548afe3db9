"""What Tables 2, 8 and 9 share: faces, repairers, readers, figures with intervals, samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from latent_ofer.backends.choose import BackendName
from latent_ofer.datasets.archives import file_sha256
from latent_ofer.datasets.pool import FacePool
from latent_ofer.datasets.sources import Need, Sources
from latent_ofer.evaluation.bootstrap import measured, resample_counts, resampled_ratio
from latent_ofer.evaluation.plots import sample_sheet
from latent_ofer.evaluation.pools import subset
from latent_ofer.evaluation.repaired_faces import Detector, Measured, Reader, Task, measure
from latent_ofer.evaluation.repairers import (
    NONE,
    Mask,
    NotTrained,
    Pixels,
    Repairer,
    open_repairers,
    opened,
    trained,
)
from latent_ofer.occlusion.exact import luma
from latent_ofer.occlusion.objects import Cutout
from latent_ofer.pipeline import LatentOFER
from latent_ofer.synthesis.protocols import Settings
from latent_ofer.weights_folder import SHIPPED as SHIPPED_WEIGHTS
from latent_ofer.weights_folder import DetectorName, WeightsFolder

SEED = 7
RECOGNISER = "recogniser"
JUDGE = "judge"
Split = Literal["train", "val", "test"]
Values = NDArray[Any]


@dataclass(frozen=True)
class Bench:
    """All that the tables measure with.

    Attributes
    ----------
    sources : Sources
    split : str
        Which faces of the sources.
    repairers : list
        In the order of the tables; some may not be trained.
    recogniser : Reader
        The shipped one.
    judge : Reader or NotTrained
    detector : Detector
        One of the shipped ones.
    hashes : dict of str to str
        Of the networks, for the report.
    cache : Path
    seed : int
        Of the occlusion, of the faces that `limit` picks and of the resamples.
    limit : int or None
        Faces of each kind.
    """

    sources: Sources
    split: Split
    repairers: list[Repairer | NotTrained]
    recogniser: Reader
    judge: Reader | NotTrained
    detector: Detector
    hashes: dict[str, str]
    cache: Path
    seed: int
    limit: int | None

    @property
    def judges(self) -> list[Reader]:
        """The judge, or nobody."""
        return [self.judge] if isinstance(self.judge, Reader) else []

    def subset(self, pool: FacePool) -> FacePool:
        """The faces that `limit` and `seed` pick, the same on any machine."""
        return subset(pool, self.limit, self.seed)

    def task(self, title: str, pool: FacePool, settings: Settings, cutouts: list[Cutout]) -> Task:
        """Faces hidden in one way; objects are found by the detector, other holes are known."""
        objects = settings.protocol == "objects"
        needs: tuple[Need, ...] = ("faces", "labels", "objects") if objects else ("faces", "labels")
        detector = self.detector if objects else None
        return Task(title, pool, settings, cutouts, detector, self.sources.digests(*needs))

    def measure(self, task: Task, readers: Sequence[Reader]) -> Measured:
        """Every repairer that is trained on every face of a task."""
        return measure(task, trained(self.repairers), readers, self.cache)

    def protocol(self, **more: Any) -> dict[str, Any]:
        """What every table of these says about its figures."""
        split = self.split if self.sources.sets else "validation"
        notes = {"judge": self.judge.note} if isinstance(self.judge, NotTrained) else {}
        return {"split": split, **more, "seed": self.seed, **notes}

    def origins(self) -> dict[str, Any]:
        """Digests of data and networks, for the report."""
        return {"data": self.sources.digests("faces", "labels", "objects"), "networks": self.hashes}


def open_bench(
    sources: Sources,
    runs: Path,
    *,
    split: Split = "val",
    config: str = "small",
    weights: Path | None = None,
    backend: BackendName = "auto",
    detector: DetectorName = "default",
    threads: int | None = None,
    seed: int = SEED,
    limit: int | None = None,
) -> Bench:
    """Load the shipped networks, and of the others those that are trained.

    Parameters
    ----------
    sources : Sources
    runs, config
        Where the other repair networks and the judge were trained, and with which recipes.
    weights, backend, detector, threads
        As `LatentOFER.from_pretrained` takes them.

    Raises
    ------
    WeightsError
        When the shipped weights are missing or altered.
    """
    model = LatentOFER.from_pretrained(weights, backend, threads=threads, detector=detector)
    folder = WeightsFolder.open(weights or SHIPPED_WEIGHTS)
    finds = folder.detector(detector)
    manifest = file_sha256(folder.path / "manifest.json")
    repairers = open_repairers(model, folder, runs, config)
    judge = opened(JUDGE, JUDGE, lambda: open_judge(runs, config))

    def masks(faces: Pixels) -> Mask:
        return np.stack([occlusion.mask for occlusion in model.detect(faces)])

    hashes = {"shipped weights": manifest}
    hashes |= {one.name: one.digest for one in trained(repairers)}
    if isinstance(judge, Reader):
        hashes[JUDGE] = judge.digest
    return Bench(
        sources,
        split,
        repairers,
        shipped_reader(model, folder, manifest),
        judge,
        Detector(finds, f"{finds} {manifest}", masks),
        hashes,
        runs / "cache" / "repaired",
        seed,
        limit,
    )


def shipped_reader(model: LatentOFER, folder: WeightsFolder, digest: str) -> Reader:
    """The pipeline's recogniser on a repaired face.

    One that reads the repaired face alone is told which patches were repaired. One of several
    views would not look at them: it gets the face without a mask, as its view "repaired" does.
    """
    told = folder.recognisers[folder.default_recogniser] is None

    def read(faces: Pixels, repaired: Mask) -> Values:
        found = model.recognise(faces, repaired if told else None)
        return np.array([list(expression.probabilities.values()) for expression in found])

    return Reader(RECOGNISER, digest, read)


def open_judge(runs: Path, config: str) -> Reader:
    """The recogniser that only measures (protocols, *Repair test*).

    It was trained on grey faces: it sees the luma of those in colour, and no mask.

    Raises
    ------
    WeightsError, StaleError
        If it is not trained, or on other networks.
    ImportError
        Without torch.
    """
    # Here, not above: that module brings in every door for recognisers.
    from latent_ofer.evaluation.recognisers import baseline_recogniser

    judge = baseline_recogniser("judge", runs, config)

    def read(faces: Pixels, repaired: Mask) -> Values:
        del repaired
        grey = np.rint(luma(faces.astype(np.float32))).astype(np.uint8)
        return np.asarray(judge.function(grey))

    return Reader(JUDGE, judge.digest, read)


class Intervals:
    """Means over n faces with their 95 % intervals, all from the same resamples.

    Parameters
    ----------
    faces : int
    seed : int
    people : sequence of n str, optional
        Faces of one person are drawn together; empty where unknown.
    """

    def __init__(self, faces: int, seed: int, people: Sequence[str] | None = None) -> None:
        self._counts = resample_counts(faces, np.random.default_rng(seed), people=people)

    def mean(self, values: Values, members: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Mean of (n,) numbers, or of those of some members; of differences, a paired one."""
        used = np.ones(len(values), dtype=np.bool_) if members is None else members
        part = np.where(used, values, 0)
        value = float(part.sum() / used.sum())
        return measured(value, resampled_ratio(self._counts, part, used))


def kept(figures: Mapping[str, Values], clean: Mapping[str, Values]) -> Values | None:
    """Faces (n,) whose repaired copy the judge reads as the clean one; None without a judge."""
    key = f"read {JUDGE}"
    if key not in figures:
        return None
    return np.asarray(figures[key].argmax(1) == clean[key].argmax(1))


def draw_samples(path: Path, title: str, faces: Sequence[Task], bench: Bench) -> Path:
    """A sheet with a row for each task: its first face clean, hidden, and under each repairer.

    Row k shows the k-th face of the k-th task, so that no face comes twice.
    """
    columns: dict[str, list[Pixels]] = {}
    for number, task in enumerate(faces):
        hidden = task.hide([number % len(task.pool)])
        columns.setdefault("clean", []).append(hidden.clean[0])
        columns.setdefault("hidden", []).append(hidden.shown[0])
        for one in trained(bench.repairers):
            if one.name != NONE:
                columns.setdefault(one.name.replace(" (", "\n("), []).append(
                    one(hidden.shown, hidden.mask)[0][0]
                )
    return sample_sheet(path, title, columns)
