"""Two runs at once on one folder of results."""

import shutil
import subprocess
from pathlib import Path

from slow_runs import PROGRAM, predicting, started


def separate() -> list[str]:
    """Start of a command that runs where it is process number 1, if that may be done here."""
    words = ["unshare", "--pid", "--fork", "--kill-child", "--"]
    if shutil.which("unshare") is None:
        return []
    return [] if subprocess.run([*words, "true"], capture_output=True).returncode else words


def test_of_two_runs_in_two_containers_one_runs_and_one_says_who_does(
    three_photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    first = predicting(three_photos, output, pause=60, prefix=separate())
    second = started(
        ["-c", PROGRAM.format(pause=0), "predict", str(three_photos), "--output", str(output)],
        prefix=separate(),
    )
    _, told = second.communicate(timeout=60)
    assert second.returncode == 2
    assert told.startswith(f"latent-ofer: {output}: in use by latent-ofer predict (process ")
    assert len(told.splitlines()) == 1
    first.kill()
    first.communicate(timeout=30)
