"""One process at a time, and who it is."""

import errno
import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest

from latent_ofer.locks import LOCK, InUseError, alone, held

HOLDER = """
import sys, time
from pathlib import Path
from latent_ofer.locks import held

with held(Path(sys.argv[1]), "boiling soup"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_one_waits_for_the_other_and_says_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lock, inside, most = tmp_path / "lock", [0], [0]

    def work() -> None:
        for _ in range(3):
            with alone(lock, "making soup"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.05)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] and not lock.exists()
    assert "Another process is at it already: making soup. Waiting" in capfd.readouterr().err


def test_a_lock_file_that_a_dead_process_left_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4711")
    with alone(tmp_path / "lock", "making soup"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_held_by_one_and_the_other_is_told_by_whom(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    holder = (
        rf"{folder}: in use by boiling soup \(process {process.pid} on {platform.node()}, since "
    )
    with pytest.raises(InUseError, match=holder), held(folder, "salting it"):
        pass
    process.kill()
    process.communicate()
    assert (folder / LOCK).exists()
    with held(folder, "salting it"):
        pass
    assert list(folder.iterdir()) == []


def test_a_lock_works_where_every_process_has_the_same_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with (
        held(tmp_path, "boiling soup"),
        pytest.raises(InUseError, match="process 1 on"),
        held(tmp_path, "salting it"),
    ):
        pass


def test_a_folder_without_locks_is_used_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> bool:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(filelock, "lock_descriptor", refuse)
    with pytest.warns(RuntimeWarning, match="has no locks"), held(tmp_path, "boiling soup"):
        (tmp_path / "soup").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["soup"]
