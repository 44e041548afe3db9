"""Weights from strangers: a manifest that vouches for them does not make them sound."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from latent_ofer import LatentOFER, WeightsError
from latent_ofer.tensor_file import check_tensors, tensor_places
from latent_ofer.weights_folder import SHIPPED
from onnx_folder import listed, write_folder

WEIGHTS = "model.safetensors"
TOUCHED: list[str] = []


class Bomb:
    """Pickled, it says when it is opened."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return TOUCHED.append, ("opened",)


def tensors(path: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    held = load_file(path)
    change(held)
    save_file(held, path)


def header(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    entries = json.loads(content[8 : 8 + length])
    change(entries)
    text = json.dumps(entries).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))


def as_torch_saves(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))


ALTERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a renamed pickle": (pickled, "no safetensors file"),
    "a renamed torch archive": (as_torch_saves, "no safetensors file"),
    "nothing": (lambda path: path.write_bytes(b""), "no safetensors file"),
    "cut within its header": (
        lambda path: path.write_bytes(path.read_bytes()[:20]),
        "no safetensors file",
    ),
    "cut within its last tensor": (
        lambda path: path.write_bytes(path.read_bytes()[:-2]),
        "where its tensors end",
    ),
    "a header as long as memory": (
        lambda path: path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:]),
        "no safetensors file",
    ),
    "a header nested without end": (
        lambda path: path.write_bytes((200_000).to_bytes(8, "little") + b"[" * 200_000),
        "no safetensors file",
    ),
    "something hidden after the tensors": (
        lambda path: path.write_bytes(path.read_bytes() + b"MZ"),
        "where its tensors end",
    ),
    "tensors of other bytes": (
        lambda path: header(path, lambda held: held["gain"].update(data_offsets=[-4, 0])),
        "entry of 'gain' is malformed",
    ),
    "an unknown type": (
        lambda path: header(path, lambda held: held["gain"].update(dtype="O")),
        "entry of 'gain' is malformed",
    ),
    "another shape": (
        lambda path: tensors(path, lambda held: held.update(gain=np.ones((2, 2), np.float32))),
        r"'gain' is F32\[2,2\] where the manifest says F32\[1\]",
    ),
    "a tensor less": (
        lambda path: tensors(path, lambda held: held.update(pain=held.pop("gain"))),
        r"'gain' is nothing where the manifest says F32\[1\]",
    ),
    "no number": (
        lambda path: tensors(path, lambda held: held.update(gain=np.full(1, np.nan, np.float32))),
        "'gain' holds values that are no finite numbers",
    ),
    "an infinite number": (
        lambda path: tensors(path, lambda held: held.update(gain=np.full(1, -np.inf, np.float32))),
        "'gain' holds values that are no finite numbers",
    ),
}


@pytest.mark.parametrize("name", ALTERED)
def test_strange_weights_are_refused_by_name_and_nothing_of_them_is_run(
    name: str, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "weights")
    alter, message = ALTERED[name]
    alter(folder / WEIGHTS)
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"files": listed(folder)}))
    for backend in ("onnxruntime", "torch"):
        with pytest.raises(WeightsError, match=f"{WEIGHTS}: .*{message}.*get the weights again"):
            LatentOFER.from_pretrained(folder, backend=backend)
    assert TOUCHED == []


def test_half_floats_are_looked_through_too(tmp_path: Path) -> None:
    values = np.array([1, 65504, -0.5, 6e-8], np.float16)
    save_file({"w": values, "n": np.arange(3)}, tmp_path / WEIGHTS)
    expected = {"w": "F16[4]", "n": "I64[3]"}
    check_tensors(tmp_path / WEIGHTS, expected)
    values[1] = np.inf
    save_file({"w": values, "n": np.arange(3)}, tmp_path / WEIGHTS)
    with pytest.raises(WeightsError, match="'w' holds values that are no finite"):
        check_tensors(tmp_path / WEIGHTS, expected)


def test_places_are_those_of_the_library(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    held = {"b": rng.random((2, 3), np.float32), "a": np.arange(4), "c": np.ones(5, np.float16)}
    save_file(held, tmp_path / WEIGHTS)
    content = (tmp_path / WEIGHTS).read_bytes()
    for name, place in tensor_places(tmp_path / WEIGHTS).items():
        raw = content[place.offset : place.offset + place.length]
        assert raw == held[name].tobytes() and place.shape == held[name].shape


@pytest.mark.slow
def test_any_flipped_byte_of_the_shipped_weights_is_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SHIPPED, tmp_path / "weights"))
    rng = np.random.default_rng(0)
    names = sorted(path.name for path in folder.iterdir() if path.name != "manifest.json")
    for _ in range(100):
        path = folder / names[rng.integers(len(names))]
        with path.open("r+b") as stream:
            place = int(rng.integers(path.stat().st_size))
            stream.seek(place)
            before = stream.read(1)
            stream.seek(place)
            stream.write(bytes([before[0] ^ 1 << int(rng.integers(8))]))
        with pytest.raises(WeightsError, match=path.name):
            LatentOFER.from_pretrained(folder)
        with path.open("r+b") as stream:
            stream.seek(place)
            stream.write(before)
    LatentOFER.from_pretrained(folder)


def test_no_state_is_ever_read_by_a_loader_that_runs_code() -> None:
    source = Path(SHIPPED).parent
    text = {path: path.read_text(encoding="utf-8") for path in source.rglob("*.py")}
    for path, code in text.items():
        assert "weights_only=False" not in code, path
        assert "allow_pickle=True" not in code, path
        assert code.count("torch.load(") == code.count("weights_only=True"), path
        for module in ("pickle", "marshal", "shelve", "joblib", "dill"):
            assert f"import {module}" not in code and f"from {module} " not in code, path
