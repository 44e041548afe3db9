"""OpenVINO on the shipped weights: its own answers, whatever the batch and the threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from helpers import drawn_planes
from latent_ofer import LatentOFER, WeightsError
from latent_ofer.backends.choose import open_backend
from latent_ofer.backends.openvino import OpenVinoBackend, Precision, computes_in_bfloat16
from latent_ofer.weights_folder import SHIPPED, WeightsFolder
from onnx_folder import write_folder, write_manifest


def backend(threads: int, precision: Precision = "bf16") -> OpenVinoBackend:
    if precision == "bf16" and not computes_in_bfloat16():
        pytest.skip("this processor does not compute in bfloat16")
    return OpenVinoBackend(WeightsFolder.open(SHIPPED), "labelled", "views", threads, precision)


def test_a_face_has_the_very_same_answer_in_any_batch_and_with_any_threads() -> None:
    faces, mask = drawn_planes(9), np.random.default_rng(0).random((9, 14, 14)) < 0.2
    none = np.empty(0, np.float32)
    wanted: list[np.ndarray] = []
    for threads in (1, 2):
        engine = backend(threads)
        for size in (9, 4, 1):
            found: list[list[np.ndarray]] = []
            for start in range(0, 9, size):
                some = slice(start, start + size)
                scores, types = engine.detect(faces[some], none)
                repaired = engine.reconstruct(faces[some], mask[some])
                logits, attention = engine.recognise(faces[some], none, mask[some])
                found.append([scores, types, repaired, logits, attention])
            whole = [np.concatenate(parts) for parts in zip(*found, strict=True)]
            wanted = wanted or whole
            for one, other in zip(wanted, whole, strict=True):
                np.testing.assert_array_equal(one, other)
    assert wanted[0].shape == (9, 196) and wanted[0].std() > 0


def test_bfloat16_rounds_what_32_bits_answer() -> None:
    exact, coarse = backend(1, "f32"), backend(1)
    faces, none = drawn_planes(4), np.empty(0, np.float32)
    visible = np.zeros((4, 14, 14), bool)
    (logits, _), (rounded, _) = (one.recognise(faces, none, visible) for one in (exact, coarse))
    assert 1e-4 < np.abs(logits - rounded).max() < 0.3
    np.testing.assert_array_equal(coarse.reconstruct(faces, visible), faces)
    # What is hidden does not depend on it.
    for one, other in zip(exact.detect(faces, none), coarse.detect(faces, none), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_processor_without_bfloat16_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Core:
        def get_property(self, device: str, name: str) -> list[str]:
            assert (device, name) == ("CPU", "OPTIMIZATION_CAPABILITIES")
            return ["FP32", "INT8"]

    monkeypatch.setattr("latent_ofer.backends.openvino._core", Core)
    with pytest.raises(ImportError, match="take another backend, onnxruntime"):
        LatentOFER.from_pretrained(backend="openvino-bf16")


@pytest.mark.skipif(sys.platform == "win32", reason="signals are held on POSIX alone")
def test_ctrl_c_is_no_crash_after_models_have_come_and_gone() -> None:
    script = (
        "import gc, signal\n"
        "from latent_ofer.backends.openvino import OpenVinoBackend\n"
        "from latent_ofer.weights_folder import SHIPPED, WeightsFolder\n"
        "folder = WeightsFolder.open(SHIPPED)\n"
        "make = lambda: OpenVinoBackend(folder, 'labelled', 'views', 1, 'f32')\n"
        "models = [make() for _ in range(3)]\n"
        "models.clear(); gc.collect()\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_in_a_fork_it_says_so_and_does_not_hang() -> None:
    script = (
        "import os, numpy as np\n"
        "from latent_ofer.backends.openvino import OpenVinoBackend\n"
        "from latent_ofer.weights_folder import SHIPPED, WeightsFolder\n"
        "folder = WeightsFolder.open(SHIPPED)\n"
        "make = lambda: OpenVinoBackend(folder, 'labelled', 'views', 1, 'f32')\n"
        "model, face = make(), np.zeros((1, 3, 112, 112), np.float32)\n"
        "if os.fork():\n"
        "    model.encode(face); os.wait()\n"
        "else:\n"
        "    for use in (lambda: model.encode(face), make):\n"
        "        try: use()\n"
        "        except RuntimeError as error: print(str(error)[:34], flush=True)\n"
        "    os._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "OpenVINO does not work in the fork\n" * 2, done.stderr


def test_a_graph_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "weights")
    (folder / "reconstructor.onnx").write_bytes(b"no graph")
    write_manifest(folder)
    with pytest.raises(WeightsError, match="reconstructor.onnx: OpenVINO cannot load it"):
        LatentOFER.from_pretrained(folder, backend="openvino-bf16")


def test_where_it_is_not_installed_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("latent_ofer.backends.choose.find_spec", lambda _: None)
    with pytest.raises(ImportError, match=r"pip install 'latent-ofer\[openvino\]'"):
        open_backend("openvino-bf16", WeightsFolder.open(SHIPPED), "labelled", "views", 1)
