import json

from sbom import WEIGHTS, sbom


def test_the_bill_names_packages_weights_and_training_data_by_their_hashes():
    manifest = json.loads((WEIGHTS / "manifest.json").read_text())

    document = sbom()

    parts = {part["bom-ref"]: part for part in document["components"]}
    hashes = {ref: part["hashes"][0]["content"] for ref, part in parts.items() if "hashes" in part}
    assert hashes == {f"data:{name}": digest for name, digest in manifest["data"].items()}
    assert {
        part["name"]: part["hashes"][0]["content"] for part in parts["weights"]["components"]
    } == {name: record["sha256"] for name, record in manifest["files"].items()}
    assert "onnxruntime" in {part["name"] for part in parts.values()}
    assert {edge["ref"] for edge in document["dependencies"]} == {*parts, "root-component"}
