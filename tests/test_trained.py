"""How the default detector is chosen where a table says what really covers dev faces."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from archives import Trained
from latent_ofer.datasets.covers import COVERS
from latent_ofer.datasets.sources import Sources
from latent_ofer.trained import dev_auroc, trained_networks


def area(high: list[float], low: list[float]) -> float:
    won = sum((one > other) + (one == other) / 2 for one in high for other in low)
    return won / (len(high) * len(low))


def test_really_covered_dev_faces_count_for_every_detector(
    trained: Trained, tmp_path: Path
) -> None:
    for archive in trained.data.glob("*.zip"):
        shutil.copy(archive, tmp_path)
    sources = Sources(tmp_path, tmp_path / "cache")
    networks = trained_networks(trained.runs, str(trained.config))
    without = dev_auroc(sources, trained.runs, networks)
    assert all(set(figures) == {"colour", "grey"} for figures in without.values())
    pool = sources.pool("dev")
    looks = [("hand", "hand"), ("", ""), ("hair", "hair"), ("", ""), ("hand", ""), ("", "")]
    lines = ["split,source,file,pass_a,pass_b"]
    for (source, name), (first, second) in zip(pool.keys, looks, strict=False):
        lines.append(f"dev,{source},{name},{first},{second}")
    (tmp_path / COVERS).write_text("\n".join(lines) + "\n")
    found = dev_auroc(sources, trained.runs, networks)
    assert set(found) == set(networks.detectors) == set(without)
    faces = torch.from_numpy(pool.batch(np.arange(6))).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        latents = networks.mae.encode(faces)[:, 1:]
        for name, detect in networks.detectors.items():
            told = detect(latents if name == "paper" else faces)
            scores = told[0] if isinstance(told, tuple) else told
            fourth = [sorted(row.tolist())[-4] for row in scores]
            # One look alone is neither covered nor bare.
            expected = area([fourth[0], fourth[2]], [fourth[1], fourth[3], fourth[5]])
            assert found[name]["real"] == pytest.approx(expected, abs=1e-5)
            assert found[name] == without[name] | {"real": found[name]["real"]}
