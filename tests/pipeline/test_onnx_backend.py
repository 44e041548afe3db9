import json
import os
from pathlib import Path

import numpy as np
import pytest

from helpers import drawn_face, drawn_planes
from latent_ofer import EXPRESSIONS, LatentOFER, WeightsError
from latent_ofer.backends.onnx import OnnxBackend
from latent_ofer.weights_folder import SHIPPED, WeightsFolder
from onnx_folder import GAIN, write_folder, write_manifest


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("onnx") / "weights")


def faces() -> np.ndarray:
    return np.random.default_rng(0).random((3, 3, 112, 112), dtype=np.float32)


def masks() -> np.ndarray:
    return np.random.default_rng(1).random((3, 14, 14)) < [[[0.2]], [[0.5]], [[0.9]]]


def test_the_graphs_answer_as_the_same_sums_in_numpy(folder: Path) -> None:
    backend = OnnxBackend(WeightsFolder.open(folder), "synthetic", "paper", threads=1)
    latents = backend.encode(faces())
    expected = faces().reshape(3, 196, 192) * GAIN
    np.testing.assert_allclose(latents, expected, atol=1e-6)
    scores, types = backend.detect(faces(), latents)
    np.testing.assert_allclose(scores, expected.mean(2), atol=1e-5)
    # The graph of before tells no types.
    assert types.shape == (3, 0, 196)
    share = masks().mean(axis=(1, 2), dtype=np.float32)[:, None, None, None]
    np.testing.assert_allclose(backend.reconstruct(faces(), masks()), faces() * share, atol=1e-6)
    logits, attention = backend.recognise(faces(), latents, masks())
    level = faces().mean(axis=(1, 2, 3))[:, None]
    np.testing.assert_allclose(logits, expected.mean(1)[:, :8] + level, atol=1e-4)
    np.testing.assert_array_equal(attention, masks())


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_however_many_threads_share_the_faces_the_answers_are_the_same(count: int) -> None:
    weights = WeightsFolder.open(SHIPPED)
    planes = drawn_planes(count)
    given = []
    for threads in (1, 2, 7):
        backend = OnnxBackend(weights, "labelled", "views", threads)
        given.append(backend.detect(planes, np.empty(0, np.float32)))
    for scores, types in given[1:]:
        np.testing.assert_array_equal(scores, given[0][0])
        np.testing.assert_array_equal(types, given[0][1])
    assert given[0][0].shape == (count, 196)


def test_by_default_there_are_as_many_threads_as_processors_for_this_process(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 8}, raising=False)
    assert OnnxBackend(WeightsFolder.open(folder), "synthetic", "paper", None).threads == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert OnnxBackend(WeightsFolder.open(folder), "synthetic", "paper", None).threads == 1


def test_a_detector_gets_only_the_inputs_that_it_declares(folder: Path) -> None:
    backend = OnnxBackend(WeightsFolder.open(folder), "paper", "paper", threads=1)
    scores, _ = backend.detect(faces(), backend.encode(faces()))
    np.testing.assert_allclose(scores, faces().reshape(3, 196, 192).max(2), atol=1e-6)


def test_a_recogniser_gets_only_the_inputs_that_it_declares(folder: Path) -> None:
    weights = WeightsFolder.open(folder)
    backend = OnnxBackend(weights, "paper", "views", threads=1)
    assert not backend.recognises_on_latents
    assert OnnxBackend(weights, "paper", "paper", threads=1).recognises_on_latents
    logits, attention = backend.recognise(faces(), np.empty(0, np.float32), masks())
    level = faces().mean(axis=(1, 2, 3))[:, None]
    np.testing.assert_allclose(logits, masks().reshape(3, 196)[:, :8] + level, atol=1e-6)
    np.testing.assert_array_equal(attention, masks())


def test_the_recogniser_is_chosen_by_name_and_its_fusion_comes_with_it(folder: Path) -> None:
    face, _ = drawn_face()
    mask = np.eye(14, dtype=bool)
    views = LatentOFER.from_pretrained(folder, threads=1, recogniser="views")
    plain = views.recognise(face)
    assert plain.probabilities == pytest.approx(dict.fromkeys(EXPRESSIONS, 1 / 8))
    first = views.recognise(face, mask).probabilities
    # Only the first of the eight logits is one higher, and none with the mask mirrored: the mean
    # of both halves it, and `before` again.
    assert first["neutral"] / first["fear"] == pytest.approx(np.exp(0.25), rel=1e-5)
    default = LatentOFER.from_pretrained(folder, threads=1).recognise(face, mask).probabilities
    paper = LatentOFER.from_pretrained(folder, threads=1, recogniser="paper").recognise(face, mask)
    assert default == paper.probabilities != first


def test_from_pretrained_runs_the_folder_from_end_to_end(folder: Path) -> None:
    model = LatentOFER.from_pretrained(folder, threads=1)
    face, _ = drawn_face()
    (result,) = model.predict(face, crops=True)
    assert result.occlusion.threshold == 0.5
    assert sum(result.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_detector_that_the_weights_lack_is_one_clear_line(folder: Path, backend: str) -> None:
    with pytest.raises(ValueError, match="no detector 'one-class', only default, synthetic"):
        LatentOFER.from_pretrained(folder, backend=backend, detector="one-class")


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_a_recogniser_that_the_weights_lack_is_one_clear_line(tmp_path: Path, backend: str) -> None:
    folder = write_folder(tmp_path / "weights")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["recognisers"]["views"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="no recogniser 'views', only default, paper"):
        LatentOFER.from_pretrained(folder, backend=backend, recogniser="views")


def test_a_graph_that_cannot_be_loaded_or_is_absent_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "weights")
    (folder / "reconstructor.onnx").write_bytes(b"no graph")
    write_manifest(folder)
    with pytest.raises(WeightsError, match="reconstructor.onnx: onnxruntime cannot load it"):
        LatentOFER.from_pretrained(folder, threads=1)
    (folder / "reconstructor.onnx").unlink()
    write_manifest(folder)
    with pytest.raises(WeightsError, match="reconstructor.onnx: not listed"):
        LatentOFER.from_pretrained(folder, threads=1)


def test_a_backend_that_is_not_installed_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latent_ofer.backends.choose.find_spec", lambda _: None)
    with pytest.raises(ImportError, match="pip install"):
        LatentOFER.from_pretrained(folder, backend="torch")
