"""Wrong versions of the package, one at a time: does a test of the suite notice each?

Every mutant is one change of one line that leaves everything running and the figures wrong. The
tree is copied, changed, and the tests of the room are run on it; prints JSON: which tests notice,
and the mutants that survive.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("src/latent_ofer")
COPIED = ("src", "tests", "benchmarks", "release", "docs", "pyproject.toml", "README.md")
WEIGHTS = PACKAGE / "weights"


@dataclass(frozen=True)
class Mutant:
    """One wrong version.

    Attributes
    ----------
    what : str
        What is wrong with it.
    file : str
        Below the package.
    right, wrong : str
        Text that stands there once, and what takes its place.
    tests : tuple of str
        Files or folders of tests/ that should notice.
    """

    what: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]


MUTANTS = (
    # Those that version 0.1 let live.
    Mutant(
        "calibration dropped from a release",
        "trained.py",
        "reads.temperature.copy_(calibration.load_temperature(runs))",
        "calibration.load_temperature(runs)",
        ("training", "test_trained.py"),
    ),
    Mutant(
        "mask inverted in training copies",
        "stages.py",
        "return self.reconstruct(faces, masks), masks\n",
        "return self.reconstruct(faces, masks), ~masks\n",
        ("pipeline",),
    ),
    Mutant(
        "grey and colour thresholds swapped",
        "stages.py",
        "self._thresholds.of(arrays.is_grey(faces))",
        "self._thresholds.of(~arrays.is_grey(faces))",
        ("pipeline",),
    ),
    Mutant(
        "objects of training in the headline figures",
        "evaluation/bench.py",
        'sources.cutouts("val")',
        'sources.cutouts("train")',
        ("evaluation", "benchmarks/test_detector_table.py"),
    ),
    Mutant(
        "radius at nu in place of 1 - nu",
        "detector/train_svdd.py",
        "np.quantile(distances.numpy()[photo], 1 - recipe.nu)",
        "np.quantile(distances.numpy()[photo], recipe.nu)",
        ("detector",),
    ),
    Mutant(
        "faces accepted from a score of 0.5",
        "images/find.py",
        "FACE_SCORE: Final = 0.8",
        "FACE_SCORE: Final = 0.5",
        ("images",),
    ),
    Mutant(
        "half a pixel in alignment at other sizes than 112",
        "images/align.py",
        "(TEMPLATE_112 + 0.5) * size / TEMPLATE_SIZE - 0.5",
        "TEMPLATE_112 * size / TEMPLATE_SIZE",
        ("images",),
    ),
    Mutant(
        "the least attended latents picked",
        "recogniser/fusion.py",
        "return ((attention - edge) * slope + 0.5).clamp(0, 1)",
        "return ((edge - attention) * slope + 0.5).clamp(0, 1)",
        ("recogniser/test_fusion.py",),
    ),
    # And others, across stages and evaluation.
    Mutant(
        "the answer as it came is not calibrated",
        "stages.py",
        "return logits if self._fusion is None else self._fusion.alone(logits)",
        "return logits",
        ("pipeline",),
    ),
    Mutant(
        "what a hand hides counts as any other cover",
        "stages.py",
        "if cover.hidden and cover.type == HAND",
        "if cover.hidden and cover.type != HAND",
        ("pipeline",),
    ),
    Mutant(
        "the mirrored face is read with the mask of the other",
        "stages.py",
        "latents, masks[..., ::-1])",
        "latents, masks)",
        ("pipeline",),
    ),
    Mutant(
        "a face is standardised over its hidden pixels too",
        "recogniser/cnn.py",
        "centred = (faces - (faces * seen).sum((2, 3), keepdim=True) / count) * seen",
        "centred = (faces - faces.mean((2, 3), keepdim=True)) * seen",
        ("recogniser",),
    ),
    Mutant(
        "visible pixels are the network's",
        "reconstructor/unet.py",
        "return torch.where(pixels_of(mask, faces.shape[-1]), raw.clamp(0, 1), faces)",
        "return raw.clamp(0, 1)",
        ("reconstructor",),
    ),
    Mutant(
        "self-assembly takes the most similar cell among hidden ones too",
        "reconstructor/self_assembly.py",
        "cosines.masked_fill(hidden.transpose(1, 2), -2)",
        "cosines",
        ("reconstructor",),
    ),
    Mutant(
        "negative similarities count in Eq. 3",
        "reconstructor/self_assembly.py",
        "return cosine.relu()",
        "return cosine",
        ("reconstructor",),
    ),
    Mutant(
        "the reconstruction loss looks at what is visible",
        "reconstructor/losses.py",
        "((raw - truth).abs() * hole).sum()",
        "((raw - truth).abs() * (1 - hole.float())).sum()",
        ("reconstructor",),
    ),
    Mutant(
        "thresholds let through twice the false alarms",
        "detector/scores.py",
        "np.quantile(clean, 1 - share, method=",
        "np.quantile(clean, 1 - 2 * share, method=",
        ("detector",),
    ),
    Mutant(
        "ties count whole in AUROC",
        "detector/scores.py",
        "(below + not_above).mean() / (2 * len(visible))",
        "not_above.mean() / len(visible)",
        ("detector",),
    ),
    Mutant(
        "a face counts by its highest patch",
        "evaluation/real_covers.py",
        "FACE_RANK = 4",
        "FACE_RANK = 1",
        ("evaluation/test_real_covers.py",),
    ),
    Mutant(
        "intervals by face in place of by person",
        "evaluation/bootstrap.py",
        "return cls(resample_counts(len(people), rng, people=people))",
        "return cls(resample_counts(len(people), rng))",
        ("evaluation",),
    ),
    Mutant(
        "macro recall over classes without faces",
        "evaluation/metrics.py",
        "_share(np.nansum(each, axis=1), np.isfinite(each).sum(axis=1))",
        "np.nansum(each, axis=1) / faces.classes",
        ("evaluation",),
    ),
    Mutant(
        "dev by the file's name, not by person or pixels",
        "datasets/dev_split.py",
        'key = subject.encode(errors="surrogateescape") if subject else pixels.tobytes()',
        "key = pixels.tobytes()",
        ("datasets/test_dev_split.py",),
    ),
    Mutant(
        "the repaired patches do not move with the face",
        "recogniser/copies.py",
        "masks = F.avg_pool2d(moved[:, -1:], 8)[:, 0] >= 0.25",
        "masks = masks",
        ("recogniser/test_copies.py",),
    ),
    Mutant(
        "a region of no sure type is not hidden",
        "covering.py",
        "HIDING[best] in treat_as_hidden or probability < SURE",
        "HIDING[best] in treat_as_hidden",
        ("test_covering.py", "pipeline"),
    ),
)


def main() -> None:
    """Try every mutant, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", help="mutants that have this in what is wrong")
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    options = parser.parse_args()
    chosen = [one for one in MUTANTS if options.only is None or options.only in one.what]
    with tempfile.TemporaryDirectory() as scratch:
        tree = copied(Path(scratch))
        found = {}
        for mutant in chosen:
            found[mutant.what] = noticed(mutant, tree)
            print(f"{mutant.what}: {found[mutant.what] or 'SURVIVES'}", file=sys.stderr, flush=True)
    survive = [what for what, by in found.items() if not by]
    report = {"figure": "mutants", "n": len(found), "noticed_by": found, "survive": survive}
    text = json.dumps(report, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")
    sys.exit(bool(survive))


def copied(folder: Path) -> Path:
    """The working tree, with the shipped weights by link."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "weights", "*.egg-info")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    (folder / WEIGHTS).symlink_to(ROOT / WEIGHTS)
    return folder


def noticed(mutant: Mutant, tree: Path) -> str:
    """The first test that fails on the mutant; empty where none does."""
    file = tree / PACKAGE / mutant.file
    text = file.read_text()
    if text.count(mutant.right) != 1:
        sys.exit(f"{mutant.file} does not hold once: {mutant.right}")
    file.write_text(text.replace(mutant.right, mutant.wrong))
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-n0", "-x", "-q", "--no-header", "--tb=no"),
                *("-p", "no:cacheprovider", "-rfE"),
                *(f"tests/{test}" for test in mutant.tests),
            ],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
    finally:
        file.write_text(text)
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode not in (0, 1) and not failed:
        sys.exit(f"{mutant.what}: the tests cannot be run\n{done.stdout[-2000:]}")
    return failed[0].split(" ")[1] if failed else ""


if __name__ == "__main__":
    main()
