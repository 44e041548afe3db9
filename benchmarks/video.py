"""What `latent-ofer predict` promises for videos: measured on one that is generated.

    python benchmarks/video.py --output docs/reports/video.json

Three faces (the package's portrait, twice with other colours and mirrored) go to and fro in front
of each other, and each of them is behind a board for a second in every ten. `predict` reads that;
where a face is in truth, from its own formula, tells which track is whose. Then the same video is
read by the bare pipeline: PyAV's frames straight into `predict_each`, with no rows, no tracks and
no guard. A part of the video is enough for that: `--bare` says how many frames. Both want a machine
that does nothing else.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from memory import watched_predict
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

Pixels = NDArray[np.uint8]

RATE = 25
SIZE = (640, 360)
CYCLE = 10.0
"""Seconds until all is as it was."""
HEAD = (140, 15, 310, 235)
"""Of the portrait, px."""
SHOWN = (92, 119)
"""Width and height of a head in the video, px."""
HIDDEN = ((4.5, 5.5), (9.0, 10.0), (7.0, 8.0))
"""When each face is behind its board, seconds of the cycle: two at a turn, one at a crossing."""


def main() -> None:
    """Generate, read, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="also write the JSON to this file")
    parser.add_argument("--seconds", type=float, default=600, help="length of the video (600)")
    parser.add_argument("--bare", type=int, default=1000, help="frames for the pipeline (1000)")
    parser.add_argument("--threads", type=int, default=0, help="the engine's choice by default")
    parser.add_argument("--folder", type=Path, help="keep video and results here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="video-") as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(exist_ok=True)
        write_video(folder / "faces.mp4", options.seconds)
        # Before and after: a shared machine is not always as fast.
        bare = [bare_rate(folder / "faces.mp4", options.bare, options.threads)]
        report = {
            "seconds": options.seconds,
            "frames": round(options.seconds * RATE),
            "size": SIZE,
            **predicted(folder, options.threads),
            **followed(folder / "rows.csv"),
        }
        bare.append(bare_rate(folder / "faces.mp4", options.bare, options.threads))
    report["bare_per_s"] = [round(rate, 3) for rate in bare]
    report["ratio"] = round(report["predict_per_s"] / np.mean(bare), 3)
    report["load_average_at_end"] = round(os.getloadavg()[0], 1)
    print(json.dumps(report, indent=1))
    if options.output:
        options.output.write_text(json.dumps(report, indent=1) + "\n")


def place(face: int, seconds: float) -> tuple[float, float]:
    """Where the middle of a face is, px."""
    turn = 2 * np.pi * (seconds / CYCLE - face / 3)
    return SIZE[0] / 2 + 220 * float(np.cos(turn)), SIZE[1] / 2 + 25 * (face - 1)


def is_hidden(face: int, seconds: float) -> bool:
    """Whether a face is behind its board."""
    begins, ends = HIDDEN[face]
    return begins <= seconds % CYCLE < ends


def heads() -> list[tuple[Image.Image, Image.Image]]:
    """Three faces, and which of their pixels show."""
    with Image.open(str(resources.files("latent_ofer") / "assets" / "portrait.jpg")) as portrait:
        head = portrait.convert("RGB").crop(HEAD).resize(SHOWN, Image.Resampling.LANCZOS)
    mask = Image.new("L", SHOWN)
    ImageDraw.Draw(mask).ellipse((2, 2, SHOWN[0] - 3, SHOWN[1] - 3), fill=255)
    tones = ((1, 1, 1), (0.62, 0.5, 0.42), (0.8, 0.95, 1.1))
    drawn = []
    for face, tone in enumerate(tones):
        levels = np.asarray(ImageOps.mirror(head) if face == 1 else head) * np.array(tone)
        drawn.append((Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)), mask))
    return drawn


def scene(seconds: float, drawn: list[tuple[Image.Image, Image.Image]]) -> Pixels:
    """A frame, the first face in front of the others."""
    shade = np.linspace(90, 170, SIZE[0], dtype=np.uint8)
    image = Image.fromarray(np.repeat(np.tile(shade, (SIZE[1], 1))[..., None], 3, axis=2))
    draw = ImageDraw.Draw(image)
    for face in reversed(range(len(drawn))):
        head, mask = drawn[face]
        x, y = place(face, seconds)
        corner = (round(x - SHOWN[0] / 2), round(y - SHOWN[1] / 2))
        image.paste(head, corner, mask)
        if is_hidden(face, seconds):
            left, top = corner
            draw.rectangle((left - 8, top - 8, left + SHOWN[0] + 8, top + SHOWN[1] + 8), "#345")
    return np.asarray(image)


def write_video(path: Path, seconds: float) -> None:
    """Generate the video."""
    drawn = heads()
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "20"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * RATE)):
            frame = av.VideoFrame.from_ndarray(scene(number / RATE, drawn))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def predicted(folder: Path, threads: int) -> dict[str, Any]:
    """The rate of `predict`, and the memory of all its processes."""
    words = ["predict", folder / "faces.mp4", "--output", folder / "rows.csv", "--restart"]
    command = [sys.executable, "-m", "latent_ofer", *map(str, words)]
    if threads:
        command += ["--threads", str(threads)]
    resident, rate = watched_predict(
        lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    )
    quarter = max(1, len(resident) // 4)
    # What comes before is the start, and the end takes none.
    begun = resident[quarter // 4 : quarter + quarter // 4]
    first, last = statistics.median(begun), statistics.median(resident[-quarter:-1] or resident)
    return {
        **{"first_quarter_mib": round(first, 1), "last_quarter_mib": round(last, 1)},
        **{"growth_percent": round(100 * (last / first - 1), 1)},
        **{"highest_mib": round(max(resident), 1), "predict_per_s": rate},
    }


def followed(table: Path) -> dict[str, Any]:
    """Whose face each row is, by where it is, and which tracks each face has."""
    tracks: dict[int, list[int]] = defaultdict(list)
    owners: dict[int, set[int]] = defaultdict(set)
    nobody = 0
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["status"] != "ok":
                continue
            middle = [(float(row[f"{axis}0"]) + float(row[f"{axis}1"])) / 2 for axis in "xy"]
            seconds = float(row["time"])
            away = [np.hypot(*np.subtract(place(face, seconds), middle)) for face in range(3)]
            face = int(np.argmin(away))
            # Where two meet, the place does not say whose face it is.
            if sorted(away)[1] < SHOWN[0] / 2:
                continue
            if away[face] > SHOWN[0] / 2:
                nobody += 1
                continue
            tracks[face].append(int(row["track"]))
            owners[int(row["track"])].add(face)
    numbers = [tracks[face] for face in range(3)]
    return {
        "rows_of_each_face": [len(each) for each in numbers],
        "tracks_of_each_face": [sorted(set(each)) for each in numbers],
        "switches": sum(
            one != other for each in numbers for one, other in zip(each, each[1:], strict=False)
        ),
        "tracks_of_several_faces": sum(len(faces) > 1 for faces in owners.values()),
        "rows_of_no_face": nobody,
    }


def bare_rate(path: Path, count: int, threads: int) -> float:
    """Frames a second of the pipeline alone."""
    from latent_ofer import LatentOFER

    model = LatentOFER.from_pretrained(threads=threads or None)
    with av.open(path) as container:
        frames = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        begun = time.perf_counter()
        done = sum(1 for _ in model.predict_each(islice(frames, count)))
    return done / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
