"""From trained networks to the shippable folder: one weights file, graphs that point into it.

The weights are stored in 16 bits; each graph widens them to 32 on loading, and so does the
torch engine, so both compute with the very same numbers.
"""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file
from torch import Tensor

from latent_ofer.backends.networks import Networks, Signature
from latent_ofer.datasets.pool import SIZE
from latent_ofer.encoder.mae import MaskedAutoencoder
from latent_ofer.files import read_sha256, whole_file, write_text
from latent_ofer.tensor_file import Place, tensor_places
from latent_ofer.training.checkpoint import MODEL

EXAMPLE_BATCH = 2
OPSET = 18


def export_folder(networks: Networks, folder: Path, manifest: dict[str, Any]) -> None:
    """Write the weights, the graphs and, last, the manifest that vouches for them.

    Parameters
    ----------
    folder : Path
        Made when it is not there; files of these names are replaced, other graphs in it removed.
    manifest : dict
        All but ``files``, which is filled in with sizes and SHA-256, and ``tensors``, with what
        the weights hold.
    """
    stored = {name: _narrow(tensor) for name, tensor in networks.tensors().items()}
    with whole_file(folder / MODEL) as path:
        save_file(stored, path)
    places = tensor_places(folder / MODEL)
    graphs, signatures = networks.graphs(), networks.signatures()
    for name, module in graphs.items():
        graph = export_graph(module, signatures[name], networks.mae)
        _link(graph, places)
        graph.ClearField("metadata_props")
        _forget_origin(graph.graph)
        with whole_file(folder / f"{name}.onnx") as path:
            onnx.save(graph, path)
    files = sorted([folder / MODEL, *(folder / f"{name}.onnx" for name in graphs)])
    manifest = {
        **manifest,
        "files": {
            path.name: {"sha256": read_sha256(path), "bytes": path.stat().st_size} for path in files
        },
        "tensors": {name: str(place) for name, place in sorted(places.items())},
    }
    write_text(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")
    for former in set(folder.glob("*.onnx")) - set(files):
        former.unlink()


def _narrow(tensor: Tensor) -> Tensor:
    """16 bits for weights; scalars, vectors and counters, which are small, stay as they are."""
    wide = tensor.detach().contiguous()
    return wide.half() if wide.is_floating_point() and wide.ndim > 1 else wide.clone()


def export_graph(
    module: torch.nn.Module, signature: Signature, mae: MaskedAutoencoder
) -> onnx.ModelProto:
    """The graph of one of the networks, for any number of faces, with its weights in it.

    Parameters
    ----------
    module : Module
    signature : (list of str, list of str)
        Names of its inputs, among "faces", "latents" and "mask", and of its outputs.
    mae : MaskedAutoencoder
        Gives the grid and the length of a latent.
    """
    size, grid = SIZE, mae.grid
    examples = {
        "faces": torch.rand(EXAMPLE_BATCH, 3, size, size),
        "latents": torch.randn(EXAMPLE_BATCH, grid**2, mae.dim),
        "mask": torch.arange(EXAMPLE_BATCH * grid**2).reshape(-1, grid, grid) % 3 == 0,
    }
    inputs, outputs = signature
    batch = torch.export.Dim("batch", min=1, max=4096)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            tuple(examples[key] for key in inputs),
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
        )
    assert program is not None
    return program.model_proto


def _external(place: Place) -> tuple[tuple[str, object], ...]:
    return ("location", MODEL), ("offset", place.offset), ("length", place.length)


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Drop the exporter's notes: they hold paths of the machine it ran on."""
    for part in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for inner in _inner_graphs(graph):
        _forget_origin(inner)
        del inner.value_info[:]


def _inner_graphs(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    return [a.g for node in graph.node for a in node.attribute if a.HasField("g")]


def _rename_inputs(graph: onnx.GraphProto, renamed: dict[str, str]) -> None:
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
    for inner in _inner_graphs(graph):
        _rename_inputs(inner, renamed)


def _link(model: onnx.ModelProto, places: Mapping[str, Place]) -> None:
    """Replace a graph's own copy of each stored tensor by its place in the weights file."""
    graph = model.graph
    widen = []
    renamed = {}
    for tensor in graph.initializer:
        if tensor.name not in places:
            continue
        place = places[tensor.name]
        name, full = tensor.name, tensor.data_type
        stored = {"F16": TensorProto.FLOAT16, "F32": TensorProto.FLOAT, "I64": TensorProto.INT64}
        tensor.ClearField("raw_data")
        tensor.data_type = stored[place.dtype]
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in _external(place):
            tensor.external_data.add(key=key, value=str(value))
        if tensor.data_type != full:
            renamed[name] = f"{name}.wide"
            widen.append(helper.make_node("Cast", [name], [renamed[name]], to=full))
    _rename_inputs(graph, renamed)
    nodes = [*widen, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.value_info[:]
