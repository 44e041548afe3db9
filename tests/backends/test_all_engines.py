"""The exported folder, read by all engines: same answers, and nothing read that was altered."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from archives import Trained
from helpers import drawn_planes
from latent_ofer.backends.onnx import OnnxBackend
from latent_ofer.backends.openvino import OpenVinoBackend
from latent_ofer.backends.protocol import Backend
from latent_ofer.backends.torch import TorchBackend, load_networks
from latent_ofer.errors import WeightsError
from latent_ofer.recogniser.train_fusion import load_fusion
from latent_ofer.tensor_file import tensor_places
from latent_ofer.trained import best_on_dev, trained_networks
from latent_ofer.weights_folder import WEIGHTS, WeightsFolder

WIDTHS = {"F16": 2, "F32": 4, "I64": 8}
# After two steps the network of places hardly tells faces apart: what the one-class detector
# divides by is as small as it can be, and rounding counts for more.
FAMILIES = {"synthetic": 1e-4, "one-class": 1e-3, "paper": 1e-4, "labelled": 1e-4}
"""The detectors, and by how much their scores may differ."""
RECOGNISERS = ("views", "paper")
GRAPHS = {
    "encoder": (["faces"], ["latents"]),
    "detector_synthetic": (["faces"], ["scores"]),
    "detector_one-class": (["faces"], ["scores"]),
    "detector_paper": (["latents"], ["scores"]),
    "detector_labelled": (["faces"], ["scores", "types"]),
    "reconstructor": (["faces", "mask"], ["repaired"]),
    "recogniser_views": (["faces", "mask"], ["logits", "attention"]),
    "recogniser_paper": (["faces", "latents", "mask"], ["logits", "attention"]),
}

Engines = dict[tuple[str, str], tuple[Backend, ...]]


@pytest.fixture(scope="module")
def folder(trained: Trained) -> WeightsFolder:
    return WeightsFolder.open(trained.weights)


@pytest.fixture(scope="module")
def engines(folder: WeightsFolder) -> Engines:
    """All engines with every detector, and with every recogniser."""
    networks = load_networks(folder)
    pairs = [*((detector, "views") for detector in FAMILIES), ("synthetic", "paper")]
    return {
        pair: (
            OnnxBackend(folder, *pair, 1),
            TorchBackend(networks.graphs(), *pair),
            OpenVinoBackend(folder, *pair, 1, "f32"),
        )
        for pair in pairs
    }


def masks(count: int) -> np.ndarray:
    mask = np.random.default_rng(0).random((count, 14, 14)) < 0.3
    mask[0] = False
    return mask


@pytest.mark.parametrize("engine", [1, 2])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    ("detector", "recogniser"), [*((name, "views") for name in FAMILIES), ("synthetic", "paper")]
)
def test_all_engines_answer_the_same(
    engines: Engines, detector: str, recogniser: str, count: int, engine: int
) -> None:
    ours, theirs = engines[detector, recogniser][0], engines[detector, recogniser][engine]
    faces, mask = drawn_planes(count), ~masks(count) if count == 1 else masks(count)
    latents = ours.encode(faces)
    assert latents.shape == (count, 196, 24)
    assert ours.detects_on_latents == theirs.detects_on_latents == (detector == "paper")
    on_latents = recogniser == "paper"
    assert ours.recognises_on_latents == theirs.recognises_on_latents == on_latents
    read, read_too = ours.recognise(faces, latents, mask), theirs.recognise(faces, latents, mask)
    scores, types = ours.detect(faces, latents)
    scores_too, types_too = theirs.detect(faces, latents)
    assert types.shape == types_too.shape == (count, 8 * (detector == "labelled"), 196)
    assert np.allclose(types, types_too, atol=1e-4)
    pairs = [
        (latents, theirs.encode(faces)),
        (scores, scores_too),
        (ours.reconstruct(faces, mask), theirs.reconstruct(faces, mask)),
        *zip(read, read_too, strict=True),
    ]
    for one, other in pairs:
        assert one.dtype == other.dtype == np.float32 and one.shape == other.shape
        assert np.isfinite(one).all() and one.std() > 0
        assert np.abs(one - other).max() < (FAMILIES[detector] if one is scores else 1e-4)


@pytest.mark.parametrize("engine", [0, 1, 2])
@pytest.mark.parametrize("recogniser", RECOGNISERS)
def test_a_face_gives_the_same_alone_and_in_a_batch(
    engines: Engines, recogniser: str, engine: int
) -> None:
    backend = engines["synthetic", recogniser][engine]
    faces, mask = drawn_planes(5), masks(5)
    latents = backend.encode(faces)
    repaired = backend.reconstruct(faces, mask)
    logits, _ = backend.recognise(faces, latents, mask)
    visible = ~np.kron(mask, np.ones((1, 8, 8), dtype=bool))[:, None].repeat(3, 1)
    assert np.array_equal(repaired[visible], faces[visible])
    for row in range(5):
        one = slice(row, row + 1)
        assert np.abs(backend.reconstruct(faces[one], mask[one]) - repaired[one]).max() < 1e-4
        alone, _ = backend.recognise(faces[one], latents[one], mask[one])
        assert np.abs(alone - logits[one]).max() < 1e-4


def test_the_release_computes_what_was_trained(trained: Trained, folder: WeightsFolder) -> None:
    before = trained_networks(trained.runs, str(trained.config)).tensors()
    after = load_networks(folder).tensors()
    assert before.keys() == after.keys()
    for name, value in before.items():
        if value.ndim > 1:
            assert torch.equal(after[name], value.half().float()), name
        else:
            assert torch.equal(after[name], value), name


def test_places_are_where_the_tensors_lie(folder: WeightsFolder) -> None:
    path = folder.file(WEIGHTS)
    content = path.read_bytes()
    places = tensor_places(path)
    kinds = {"F16": np.float16, "F32": np.float32, "I64": np.int64}
    with safe_open(path, framework="np") as bundle:
        assert set(places) == set(bundle.keys())
        for name, place in places.items():
            value = bundle.get_tensor(name)
            raw = content[place.offset : place.offset + place.length]
            read = np.frombuffer(raw, kinds[place.dtype])
            assert np.array_equal(read.reshape(value.shape), value), name


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_point_into_the_weights_file_and_hold_no_weights(
    folder: WeightsFolder, name: str
) -> None:
    graph = onnx.load(folder.file(f"{name}.onnx"), load_external_data=False).graph
    places = tensor_places(folder.file(WEIGHTS))
    pointing = 0
    for tensor in graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            entry = {item.key: item.value for item in tensor.external_data}
            place = places[tensor.name]
            where = {"offset": str(place.offset), "length": str(place.length)}
            assert entry == {"location": WEIGHTS, **where}
            assert int(np.prod(tensor.dims)) * WIDTHS[place.dtype] == place.length
            pointing += 1
        else:
            near = tensor.name.endswith("place.far")  # a constant, which no file of weights holds
            assert near or np.prod(tensor.dims) <= 4096, tensor.name
    assert pointing >= 4
    inputs, outputs = GRAPHS[name]
    assert [node.name for node in graph.input] == inputs
    assert [node.name for node in graph.output] == outputs
    for node in graph.input:
        assert not node.type.tensor_type.shape.dim[0].HasField("dim_value")


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_do_not_tell_where_they_were_made(folder: WeightsFolder, name: str) -> None:
    content = folder.file(f"{name}.onnx").read_bytes()
    assert b".py" not in content and str(Path.cwd()).encode() not in content


def test_every_stored_tensor_is_read_by_some_graph(folder: WeightsFolder) -> None:
    used: set[str] = set()
    for name in GRAPHS:
        graph = onnx.load(folder.file(f"{name}.onnx"), load_external_data=False).graph
        used |= {tensor.name for tensor in graph.initializer}
    unused = set(tensor_places(folder.file(WEIGHTS))) - used
    # Counters of training steps, the detectors' thresholds and radius, which the manifest holds
    # or nothing reads; and what names the kind of a cover, which only training asks for.
    assert all(
        name.rsplit(".", 1)[-1].startswith(("num_batches", "threshold", "radius"))
        or name.startswith("labelled.kinds.")
        for name in unused
    ), unused


def test_the_manifest_vouches_for_every_file(trained: Trained) -> None:
    manifest = json.loads((trained.weights / "manifest.json").read_text())
    on_disk = {path.name for path in trained.weights.iterdir()}
    assert set(manifest["files"]) == on_disk - {"manifest.json"}
    assert on_disk == {"manifest.json", WEIGHTS, *(f"{name}.onnx" for name in GRAPHS)}
    for name, entry in manifest["files"].items():
        content = (trained.weights / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    networks = trained_networks(trained.runs, str(trained.config))
    assert list(manifest["thresholds"]) == list(networks.detectors) == list(FAMILIES)
    for name, detect in networks.detectors.items():
        assert manifest["thresholds"][name] == {
            "colour": float(detect.network.threshold_colour),
            "grey": float(detect.network.threshold_grey),
        }


def test_the_default_is_the_detector_that_is_best_on_dev(trained: Trained) -> None:
    manifest = json.loads((trained.weights / "manifest.json").read_text())
    figures = manifest["dev_auroc"]
    assert set(figures) == set(FAMILIES)
    assert all(set(measured) == {"colour", "grey"} for measured in figures.values())
    best = max(FAMILIES, key=lambda name: figures[name]["colour"] + figures[name]["grey"])
    assert (
        manifest["default_detector"]
        == best
        == WeightsFolder.open(trained.weights).detector("default")
    )
    made_up = {
        "synthetic": {"colour": 0.99, "grey": 0.80},
        "one-class": {"colour": 0.95, "grey": 0.90},
        "paper": {"colour": 0.97, "grey": 0.60},
    }
    assert best_on_dev(made_up) == "one-class"
    # What not all were measured on says nothing.
    made_up["synthetic"]["real"] = 1.0
    assert best_on_dev(made_up) == "one-class"
    made_up["one-class"]["real"], made_up["paper"]["real"] = 0.7, 0.6
    assert best_on_dev(made_up) == "synthetic"


def test_the_default_recogniser_is_the_one_of_views_and_its_fusion_is_in_the_manifest(
    trained: Trained, folder: WeightsFolder
) -> None:
    assert tuple(folder.recognisers) == RECOGNISERS
    assert folder.default_recogniser == folder.recogniser("default") == "views"
    assert folder.recognisers == {"views": load_fusion(trained.runs), "paper": None}


def test_torch_refuses_a_detector_that_it_does_not_know(trained: Trained, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(trained.weights, weights)
    manifest = json.loads((weights / "manifest.json").read_text())
    manifest["thresholds"]["fused"] = {"colour": 0, "grey": 0}
    (weights / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="knows no detector 'fused'"):
        load_networks(WeightsFolder.open(weights))


def test_torch_refuses_weights_of_a_network_without_its_recipe(
    trained: Trained, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(trained.weights, weights)
    manifest = json.loads((weights / "manifest.json").read_text())
    del manifest["recipes"]["detector_paper"]
    (weights / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match=r"does not fit .*detector_paper"):
        load_networks(WeightsFolder.open(weights))


def test_to_ask_networks_changes_nothing_in_them(folder: WeightsFolder) -> None:
    networks = load_networks(folder)
    before = {name: tensor.clone() for name, tensor in networks.tensors().items()}
    faces = torch.from_numpy(drawn_planes(3))
    for detect in networks.detectors.values():
        detect(networks.mae.encode(faces)[:, 1:] if detect.reads == "latents" else faces)
    # In training mode, batch norm would count these faces.
    after = networks.tensors()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_torch_refuses_a_recogniser_that_it_does_not_know(trained: Trained, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(trained.weights, weights)
    manifest = json.loads((weights / "manifest.json").read_text())
    manifest["recognisers"]["fused"] = None
    (weights / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match="knows no recogniser 'fused'"):
        load_networks(WeightsFolder.open(weights))


def test_one_altered_byte_in_the_weights_is_refused(trained: Trained, tmp_path: Path) -> None:
    shutil.copytree(trained.weights, tmp_path / "weights")
    path = tmp_path / "weights" / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors: altered"):
        WeightsFolder.open(tmp_path / "weights")


@pytest.mark.parametrize("fault", ["missing", "shape", "nan"])
@pytest.mark.parametrize("name", ["recogniser.fc.weight", "cnn.fc.weight"])
def test_torch_refuses_weights_that_do_not_fit(
    trained: Trained, tmp_path: Path, fault: str, name: str
) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(trained.weights, weights)
    tensors = load_file(weights / WEIGHTS)
    if fault == "missing":
        del tensors[name]
    elif fault == "shape":
        tensors[name] = tensors[name][:-1].contiguous()
    else:
        tensors[name][0, 0] = float("nan")
    save_file(tensors, weights / WEIGHTS)
    manifest = json.loads((weights / "manifest.json").read_text())
    content = (weights / WEIGHTS).read_bytes()
    entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest["files"][WEIGHTS] = entry
    (weights / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(WeightsError, match=rf"model\.safetensors: (does not fit|'{name})"):
        load_networks(WeightsFolder.open(weights))
