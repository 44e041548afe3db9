"""What reading promises about any file: a picture, or one of the codes, in time and in memory.

    python benchmarks/any_file.py --data DIR --output docs/reports/any-file.json

Each check is a name that may be given, all of them by default:

malformed  every file of images_malformed.zip, by `latent-ofer predict` and the guarded decoder
pngsuite   every file of pngsuite_reference.zip, against its reference pixels
turned     the portrait, with and without a cup, in the eight EXIF orientations
cut        files cut at every 5 %, with and without an end mark, and with a hole of 4 KiB
whole      files that are whole: none may be refused
closeups   faces enlarged to 600-4,000 px: none twice, none lost

A check that is not run keeps its figures in the report.
"""

import argparse
import csv
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import numpy as np
from checks import Check, parser_of, run_checks
from PIL import Image

from latent_ofer import LatentOFER
from latent_ofer.errors import ImageError, ImageErrorCode
from latent_ofer.images.find import FaceFinder
from latent_ofer.images.guarded import GuardedDecoder
from latent_ofer.images.load import load_image
from latent_ofer.occlusion.procedural import draw_demo_occluder

PORTRAIT = Path(str(resources.files("latent_ofer"))) / "assets" / "portrait.jpg"
HOLE = 4096
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline JPEG": ("JPEG", {"quality": 92}),
    "progressive JPEG": ("JPEG", {"quality": 92, "progressive": True}),
    "PNG": ("PNG", {}),
    "lossy WebP": ("WEBP", {"quality": 92}),
    "lossless WebP": ("WEBP", {"lossless": True}),
}
SIDES = (600, 1000, 2000, 3000, 4000)


def main() -> None:
    """Check, print, write."""
    checks: dict[str, Check] = {
        **{"malformed": malformed, "pngsuite": pngsuite, "turned": turned},
        **{"cut": cut, "whole": whole, "closeups": closeups},
    }
    parser = parser_of(__doc__, checks)
    parser.add_argument("--faces", type=int, default=200, help="of `closeups` (200)")
    parser.add_argument("--files", type=int, default=2_000, help="of `whole` (2000)")
    run_checks(parser, checks)


def malformed(options: argparse.Namespace) -> dict[str, Any]:
    """Each a result or one of the codes; time and memory of the decoder, file by file."""
    archive = zipfile.ZipFile(options.data / "images_malformed.zip")
    listed = csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"), "utf-8"))
    expected = {row["path"]: row["expected"] for row in listed}
    wrong, slowest, codes = [], (0.0, ""), Counter[str]()
    with GuardedDecoder() as decoder, tempfile.TemporaryDirectory() as folder:
        for name, wanted in expected.items():
            begun = time.monotonic()
            try:
                decoder.read(archive.read(name))
                code = "read"
            except ImageError as error:
                code = error.code
            slowest = max(slowest, (round(time.monotonic() - begun, 2), name))
            codes[code] += 1
            if code != "read" and code not in get_args(ImageErrorCode) or code == "internal":
                wrong.append(f"{name}: {code}")
            if wanted not in ("either", "decodes" if code == "read" else "refuse"):
                wrong.append(f"{name}: {code}, expected: {wanted}")
        process = decoder._process
        peak = _peak_mib(process.pid) if process else None
        archive.extractall(folder)
        names = Path(folder, "list")
        names.write_bytes(b"\0".join(os.fsencode(Path(folder, name)) for name in expected))
        words = ["predict", "--crops", "--list", str(names), "-o", str(Path(folder, "out"))]
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "latent_ofer", *words], capture_output=True, text=True
        )
        rows = Path(folder, "out", "results.jsonl").read_text().splitlines()
        statuses = Counter(json.loads(row)["status"] for row in rows)
    return {
        **{"files": len(expected), "codes": codes, "not_as_wanted": wrong},
        **{"slowest_s": slowest, "decoder_peak_mib": peak},
        "predict": {
            **{"exit_code": done.returncode, "rows": len(rows), "statuses": statuses},
            **{"traceback": "Traceback" in done.stderr, "seconds": time.monotonic() - begun},
        },
    }


def _peak_mib(process: int) -> float | None:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


def pngsuite(options: argparse.Namespace) -> dict[str, Any]:
    """Good files within one level of the reference, the others refused."""
    archive = zipfile.ZipFile(options.data / "pngsuite_reference.zip")
    good, off, not_refused = 0, [], []
    for row in csv.DictReader(io.TextIOWrapper(archive.open("manifest.csv"), "utf-8")):
        try:
            pixels = load_image(archive.read(row["path"])).astype(int)
        except ImageError as error:
            if row["status"] == "good":
                off.append(f"{row['path']}: {error.code}")
            continue
        if row["status"] != "good":
            not_refused.append(row["path"])
            continue
        good += 1
        reference = np.load(io.BytesIO(archive.read(row["reference"])))
        if pixels.shape != reference.shape or np.abs(pixels - reference).max() > 1:
            off.append(row["path"])
    return {"good_read": good, "good_but_off": off, "bad_but_read": not_refused}


def turned(options: argparse.Namespace) -> dict[str, Any]:
    """Expression and probabilities of the portrait, however it is stored.

    As it is, where the answer is sure, and with the demo's cup over the mouth, where it is not.
    """
    model = LatentOFER.from_pretrained()
    portrait = load_image(PORTRAIT)
    landmarks = model.predict(portrait)[0].landmarks
    assert landmarks is not None
    cup, _ = draw_demo_occluder(portrait, landmarks)
    return {"as_it_is": _turned(model, portrait), "with_a_cup": _turned(model, cup)}


def _turned(model: LatentOFER, upright: Any) -> dict[str, Any]:
    # What undoes an orientation, as Pillow counts.
    back = {**{1: None, 2: 0, 3: 3, 4: 1}, **{5: 5, 6: 2, 7: 6, 8: 4}}
    answers = []
    for orientation, way in back.items():
        stored = Image.fromarray(upright)
        exif = Image.Exif()
        exif[0x0112] = orientation
        file = io.BytesIO()
        if way is not None:
            stored = stored.transpose(Image.Transpose(way))
        stored.save(file, "JPEG", quality=95, exif=exif)
        answers.append(model.predict(file.getvalue()))
    first = answers[0][0].probabilities
    spread = max(
        abs(answer[0].probabilities[label] - first[label]) for answer in answers for label in first
    )
    return {
        "faces": [len(answer) for answer in answers],
        "expressions": sorted({answer[0].expression for answer in answers}),
        "confidence": round(answers[0][0].confidence, 4),
        "largest_difference_of_a_probability": round(spread, 6),
    }


def cut(options: argparse.Namespace) -> dict[str, Any]:
    """Files that lack something: all must be refused."""
    tried, read, codes = 0, [], Counter[str]()
    picture = Image.open(PORTRAIT).convert("RGB")
    for kind, (encoder, how) in KINDS.items():
        file = io.BytesIO()
        picture.save(file, encoder, **how)
        for what, data in _damaged(encoder, file.getvalue()):
            tried += 1
            try:
                load_image(data)
                read.append(f"{kind}: {what}")
            except ImageError as error:
                codes[error.code] += 1
    return {"tried": tried, "read": read, "codes": codes}


def _damaged(kind: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    for percent in range(5, 100, 5):
        place = len(data) * percent // 100
        yield f"cut at {percent} %", data[:place]
        yield f"cut at {percent} %, with an end mark", _ended(kind, data[:place])
        if place + HOLE < len(data):
            rest = data[place + HOLE :]
            yield f"4 KiB lost at {percent} %", data[:place] + rest
            yield f"4 KiB zeroed at {percent} %", data[:place] + bytes(HOLE) + rest


def _ended(kind: str, data: bytes) -> bytes:
    if kind == "JPEG":
        return data + b"\xff\xd9"
    if kind == "PNG":
        return data + b"\0\0\0\0IEND\xaeB`\x82"
    data = data[: len(data) & ~1]
    sizes = struct.pack("<I4s4sI", len(data) - 8, b"WEBP", data[12:16], len(data) - 20)
    return data[:4] + sizes + data[20:]


def whole(options: argparse.Namespace) -> dict[str, Any]:
    """Files of data sets, half of each: none may be refused."""
    refused, tried = [], 0
    for name in ("ferplus.zip", "faces.zip"):
        with zipfile.ZipFile(options.data / name) as archive:
            pictures = [n for n in archive.namelist() if n.endswith((".png", ".webp", ".jpg"))]
            for picture in random.Random(0).sample(pictures, options.files // 2):
                tried += 1
                try:
                    load_image(archive.read(picture))
                except ImageError as error:
                    refused.append(f"{picture}: {error.code}")
    return {"tried": tried, "refused": refused}


def closeups(options: argparse.Namespace) -> dict[str, Any]:
    """Training faces enlarged until they fill the photo: each found once."""
    finder = FaceFinder(int(os.environ.get("OMP_NUM_THREADS", "0")) or None)
    counts, odd = Counter[int](), []
    with zipfile.ZipFile(options.data / "faces.zip") as archive:
        listed = csv.DictReader(io.TextIOWrapper(archive.open("index.csv"), "utf-8"))
        names = [row["path"] for row in listed if row["split"] == "train"]
        for number, name in enumerate(random.Random(0).sample(names, options.faces)):
            side = SIDES[number % len(SIDES)]
            face = Image.fromarray(load_image(archive.read(name)))
            large = np.asarray(face.resize((side, side), Image.Resampling.BICUBIC))
            found = len(finder.find(large))
            counts[found] += 1
            if found != 1:
                odd.append(f"{name} at {side} px: {found}")
    return {"faces": options.faces, "found": counts, "not_once": odd}


if __name__ == "__main__":
    main()
