"""Pictures in order on one process or two; a worker that dies, or is told to stop."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latent_ofer.datasets.tree import Tree
from latent_ofer.errors import DataError, ImageError
from latent_ofer.workers import CHUNK, mapped

COUNT = 4 * CHUNK + 10
BROKEN = (3, CHUNK + 1)
LARGE = (5, 6)
"""Two pictures of one chunk that are far larger than the others."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(COUNT):
        side = 1200 if number in LARGE else 5 + number % 7
        colour = (number % 256, number // 256, side % 256)
        Image.new("RGB", (side, side + 1), colour).save(folder / f"{number:04}.png")
    for number in BROKEN:
        (folder / f"{number:04}.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return folder


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_come_in_order_and_an_unreadable_one_is_an_error_in_its_place(
    folder: Path, workers: int
) -> None:
    tree = Tree(folder)
    results = mapped(tree.read, tree.paths, workers)
    for number, (path, result) in enumerate(zip(tree.paths, results, strict=True)):
        if number in BROKEN:
            assert isinstance(result, ImageError)
            assert result.path == path and path in result.message
        else:
            assert isinstance(result, np.ndarray) and result.dtype == np.uint8
            assert np.array_equal(result, np.asarray(Image.open(folder / path)))
    assert number == COUNT - 1
    assert not multiprocessing.active_children()


def test_a_picture_stays_as_it_is_while_later_ones_are_read(folder: Path) -> None:
    tree = Tree(folder)
    kept = list(mapped(tree.read, tree.paths[7:], workers=2))
    first = kept[0]
    assert isinstance(first, np.ndarray)
    assert np.array_equal(first, np.asarray(Image.open(folder / tree.paths[7])))


def test_what_is_no_array_comes_back_too_and_other_exceptions_are_raised() -> None:
    words = [str(number) for number in range(3 * CHUNK)]
    assert list(mapped(int, words, workers=2)) == list(range(3 * CHUNK))
    with pytest.raises(ValueError, match="nonsense"):
        list(mapped(int, [*words, "nonsense"], workers=2))


def test_a_worker_that_dies_is_one_clear_error() -> None:
    with pytest.raises(DataError, match=r"ended early \(exit code 3\).*fewer workers"):
        list(mapped(os._exit, [3] * (2 * CHUNK), workers=2))
    assert not multiprocessing.active_children()


def test_workers_end_with_their_iterator() -> None:
    results = mapped(time.sleep, [0.001] * (20 * CHUNK), workers=2)
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX")
def test_ctrl_c_ends_workers_at_once_without_their_tracebacks() -> None:
    script = (
        "import time\n"
        "from latent_ofer.workers import mapped\n"
        "if __name__ == '__main__':\n"
        "    for _ in mapped(time.sleep, [0.002] * 64 + [2] * 10000, workers=2):\n"
        "        print('one', flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    # The answers that it waits for take two minutes.
    _, complaints = process.communicate(timeout=60)
    assert complaints.count(b"KeyboardInterrupt") == 1 and b"Process" not in complaints
    deadline = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_ctrl_c_just_before_the_wait_for_an_answer_is_seen_during_it() -> None:
    results = mapped(time.sleep, [0.002] * CHUNK + [0.5] * CHUNK, workers=2)
    for _ in range(CHUNK):
        next(results)
    # What a thread raises marks the interrupt and breaks off no wait of this one.
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert time.monotonic() - start < 15  # the answer takes more than half a minute
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are held on POSIX alone")
def test_ctrl_c_while_a_worker_starts_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start = SpawnProcess.start

    def interrupted(process: SpawnProcess) -> None:
        start(process)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(SpawnProcess, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(mapped(time.sleep, [0.5] * (2 * CHUNK), workers=2))
    assert not multiprocessing.active_children()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are held on POSIX alone")
def test_workers_never_see_ctrl_c_the_first_one_neither() -> None:
    # In a process of its own: only there is the first worker the first child of all.
    script = (
        "import signal\n"
        "from functools import partial\n"
        "from latent_ofer.workers import mapped\n"
        "if __name__ == '__main__':\n"
        "    blocked = partial(signal.pthread_sigmask, signal.SIG_BLOCK)\n"
        "    held = list(mapped(blocked, [()] * 128, workers=2))\n"
        "    print([signal.SIGINT in signals for signals in (held[0], held[-1])])\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert told.stdout.strip() == "[True, True]", told.stderr
