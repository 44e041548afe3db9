"""What is in a release, as a CycloneDX document: code, what it needs, weights, their data."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "src" / "latent_ofer" / "weights"

# As the model card states them.
TERMS = {
    "ferplus.zip": (
        "FERPlus, training part",
        "labels MIT; pictures of FER2013, gathered from the web, for research",
    ),
    "faces.zip": (
        "faces of UTKFace, CelebA, LFW and IMFDB",
        "non-commercial research (UTKFace, CelebA), research (LFW, IMFDB)",
    ),
    "occluders.zip": ("cut-outs of objects and hands", "mixed: MIT, research, some not stated"),
    "covers.csv": ("what covers each training face", "our own, Apache-2.0"),
    "cover_outlines.csv": ("outlines of some of these covers", "our own, Apache-2.0"),
}


def sbom() -> dict[str, Any]:
    """The document, of CycloneDX 1.6, checked against its schema by what lists the packages.

    The component is the package; its components are the locked packages of the base install, the
    weights (a machine-learning model, by the hash of each file) and each file of training data
    (by name, hash and terms: none of them is part of the release).
    """
    listed = subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "requirements", "requirements/base.txt"),
            *("--pyproject", "pyproject.toml", "--mc-type", "library", "--output-reproducible"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    document: dict[str, Any] = json.loads(listed.stdout)
    manifest = json.loads((WEIGHTS / "manifest.json").read_text())
    packages = [_package(component) for component in document["components"]]
    data = [_data(name, digest) for name, digest in manifest["data"].items()]
    model = _model(manifest, document["metadata"]["component"]["version"])
    document["components"] = [*packages, model, *data]
    document["dependencies"] = [
        {
            "ref": document["metadata"]["component"]["bom-ref"],
            "dependsOn": [part["bom-ref"] for part in [*packages, model]],
        },
        {"ref": model["bom-ref"], "dependsOn": [part["bom-ref"] for part in data]},
        *({"ref": part["bom-ref"]} for part in [*packages, *data]),
    ]
    return document


def _package(component: dict[str, Any]) -> dict[str, Any]:
    """By its own address; the line of the lock says no more than the fields do."""
    del component["description"]
    return component | {"bom-ref": component["purl"]}


def _data(name: str, digest: str) -> dict[str, Any]:
    title, terms = TERMS[name]
    return {
        "type": "data",
        "bom-ref": f"data:{name}",
        "name": name,
        "description": title,
        "scope": "excluded",
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": [{"license": {"name": terms}}],
        "data": [{"type": "dataset", "name": title}],
    }


def _model(manifest: dict[str, Any], version: str) -> dict[str, Any]:
    return {
        "type": "machine-learning-model",
        "bom-ref": "weights",
        "name": f"latent-ofer weights, {manifest['configuration']}",
        "version": version,
        "description": manifest["licence"]["weights"],
        "licenses": [{"license": {"name": "LicenseRef-latent-ofer-weights"}}],
        "modelCard": {
            "modelParameters": {
                "task": "apparent facial expression behind occlusion",
                "datasets": [{"ref": f"data:{name}"} for name in manifest["data"]],
            },
            "considerations": {
                "useCases": ["research", "accessibility", "media tools with consent"],
                "technicalLimitations": ["an expression is not an emotion: see docs/model-card.md"],
            },
        },
        "components": [
            {
                "type": "file",
                "bom-ref": f"weights:{name}",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": record["sha256"]}],
            }
            for name, record in manifest["files"].items()
        ],
    }
