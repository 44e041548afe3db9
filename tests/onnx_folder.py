"""A folder of weights with tiny hand-made graphs that point into one safetensors file."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import save_file

from latent_ofer.labels import EXPRESSIONS
from latent_ofer.tensor_file import tensor_places

FLOAT, BOOL, INT = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
INPUTS = {
    "faces": (FLOAT, ["B", 3, 112, 112]),
    "latents": (FLOAT, ["B", 196, 192]),
    "mask": (BOOL, ["B", 14, 14]),
}
GAIN = 2.0


def constant(name: str, values: list[int]) -> onnx.TensorProto:
    return helper.make_tensor(name, INT, [len(values)], values)


def graph(
    path: Path,
    inputs: list[str],
    outputs: dict[str, int],
    nodes: list[onnx.NodeProto],
    constants: list[onnx.TensorProto],
) -> None:
    model = helper.make_model(
        helper.make_graph(
            nodes,
            path.stem,
            [helper.make_tensor_value_info(name, *INPUTS[name]) for name in inputs],
            [helper.make_tensor_value_info(n, FLOAT, [None] * rank) for n, rank in outputs.items()],
            constants,
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    path.write_bytes(model.SerializeToString())


def gain_from(weights: Path) -> onnx.TensorProto:
    header = int.from_bytes(weights.read_bytes()[:8], "little")
    tensor = TensorProto(name="gain", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", weights.name), ("offset", 8 + header), ("length", 4)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def write_folder(folder: Path) -> Path:
    """Latents are doubled pixels in reading order, scores their means; repair darkens."""
    folder.mkdir(parents=True)
    weights = folder / "model.safetensors"
    save_file({"gain": np.array([GAIN], np.float32)}, weights)
    make = helper.make_node
    graph(
        folder / "encoder.onnx",
        ["faces"],
        {"latents": 3},
        [make("Reshape", ["faces", "shape"], ["flat"]), make("Mul", ["flat", "gain"], ["latents"])],
        [constant("shape", [-1, 196, 192]), gain_from(weights)],
    )
    mean = make("ReduceMean", ["latents", "axis"], ["scores"], keepdims=0)
    graph(
        folder / "detector_synthetic.onnx",
        ["latents"],
        {"scores": 2},
        [mean],
        [constant("axis", [2])],
    )
    graph(
        folder / "detector_paper.onnx",
        ["faces"],
        {"scores": 2},
        [
            make("Reshape", ["faces", "shape"], ["flat"]),
            make("ReduceMax", ["flat", "axis"], ["scores"], keepdims=0),
        ],
        [constant("shape", [-1, 196, 192]), constant("axis", [2])],
    )
    graph(
        folder / "reconstructor.onnx",
        ["faces", "mask"],
        {"repaired": 4},
        [
            make("Cast", ["mask"], ["shares"], to=FLOAT),
            make("ReduceMean", ["shares", "axes"], ["share"], keepdims=1),
            make("Unsqueeze", ["share", "one"], ["factor"]),
            make("Mul", ["faces", "factor"], ["repaired"]),
        ],
        [constant("axes", [1, 2]), constant("one", [1])],
    )
    graph(
        folder / "recogniser_paper.onnx",
        ["faces", "latents", "mask"],
        {"logits": 2, "attention": 3},
        [
            make("ReduceMean", ["latents", "one"], ["means"], keepdims=0),
            make("Slice", ["means", "zero", "eight", "one"], ["first"]),
            make("ReduceMean", ["faces", "rest"], ["level"], keepdims=0),
            make("Unsqueeze", ["level", "one"], ["column"]),
            make("Add", ["first", "column"], ["logits"]),
            make("Cast", ["mask"], ["attention"], to=FLOAT),
        ],
        [
            constant("one", [1]),
            constant("zero", [0]),
            constant("eight", [8]),
            constant("rest", [1, 2, 3]),
        ],
    )
    graph(
        folder / "recogniser_views.onnx",
        ["faces", "mask"],
        {"logits": 2, "attention": 3},
        [
            make("ReduceMean", ["faces", "rest"], ["level"], keepdims=0),
            make("Cast", ["mask"], ["attention"], to=FLOAT),
            make("Flatten", ["attention"], ["row"]),
            make("Slice", ["row", "zero", "eight", "one"], ["first"]),
            make("Unsqueeze", ["level", "one"], ["column"]),
            make("Add", ["first", "column"], ["logits"]),
        ],
        [
            constant("one", [1]),
            constant("zero", [0]),
            constant("eight", [8]),
            constant("rest", [1, 2, 3]),
        ],
    )
    write_manifest(folder)
    return folder


def listed(folder: Path) -> dict[str, dict[str, object]]:
    """What a manifest says of the files of its folder."""
    return {
        path.name: {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.iterdir())
        if path.name != "manifest.json"
    }


def write_manifest(folder: Path) -> None:
    places = tensor_places(folder / "model.safetensors")
    pair = {"colour": 0.5, "grey": 0.25}
    manifest = {
        "format": 2,
        "configuration": "small",
        "image_size": 112,
        "patch_size": 8,
        "latent_dim": 192,
        "labels": EXPRESSIONS,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "files": listed(folder),
        "tensors": {name: str(place) for name, place in places.items()},
        "thresholds": {"synthetic": pair, "paper": pair},
        "default_detector": "synthetic",
        "recognisers": {
            "paper": None,
            "views": {"before": 0.5, "after": [[0.5, 0.1, 0.2], [0.25, 0], [0, 1]]},
        },
        "default_recogniser": "paper",
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
