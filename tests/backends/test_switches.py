"""What a program does to torch, or how it starts processes, changes no answer."""

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch

from helpers import drawn_face
from latent_ofer import FaceResult, LatentOFER
from latent_ofer.images import load
from onnx_folder import write_folder

FACE = drawn_face()[0]


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        assert torch.get_default_dtype() is dtype
        torch.set_default_dtype(before)


@contextmanager
def low_precision() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")


def read() -> FaceResult:
    model = LatentOFER.from_pretrained(backend="torch", threads=1, detector="one-class")
    return model.predict(FACE, crops=True)[0]


@pytest.fixture(scope="module")
def expected() -> FaceResult:
    return read()


@pytest.mark.parametrize(
    "switch",
    [
        default_dtype(torch.float64),
        default_dtype(torch.bfloat16),
        low_precision(),
        torch.device("meta"),
        torch.autocast("cpu", torch.bfloat16),
        np.errstate(all="raise"),
    ],
    ids=["float64", "bfloat16", "precision", "device", "autocast", "numpy"],
)
def test_a_switch_changes_no_answer(
    expected: FaceResult, switch: AbstractContextManager[None]
) -> None:
    with switch or nullcontext():
        found = read()
    assert found.to_dict() == expected.to_dict()


def test_threads_and_random_numbers_of_torch_stay_the_users() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        read()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(torch.get_rng_state(), state)


def test_torch_answers_after_a_fork() -> None:
    code = (
        "import os, sys, time, torch; torch.set_num_threads(2)\n"
        "from latent_ofer import LatentOFER; import numpy as np\n"
        "model = LatentOFER.from_pretrained(backend='torch')\n"
        "faces = np.random.default_rng(0).integers(0, 255, (1, 112, 112, 3), dtype=np.uint8)\n"
        "first = [o.scores.sum() for o in model.detect(faces)]\n"
        "child = os.fork()\n"
        "again = [o.scores.sum() for o in model.detect(faces)]\n"
        "assert np.allclose(first, again, rtol=1e-4)\n"
        "if child: assert os.waitpid(child, 0)[1] == 0\n"
        "else: os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_model_answers_alike_in_processes_however_they_start(tmp_path: Path, method: str) -> None:
    model = LatentOFER.from_pretrained(write_folder(tmp_path / "weights"), threads=1)
    with multiprocessing.get_context(method).Pool(1) as pool:
        call = pool.apply_async(model.predict, [FACE], {"crops": True})
        (found,) = call.get(timeout=300)
    assert found.to_dict() == model.predict(FACE, crops=True)[0].to_dict()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_fork_waits_for_a_picture_that_is_being_read() -> None:
    lock = load._ONE_AT_A_TIME
    lock.acquire()
    threading.Timer(0.2, lock.release).start()
    child = os.fork()
    if not child:
        os._exit(0 if lock.acquire(timeout=5) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
