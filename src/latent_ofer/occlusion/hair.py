"""Hair over an eye, the mouth or a cheek, in the tone of the head that it belongs to."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from latent_ofer.occlusion import lighting, textures
from latent_ofer.occlusion.exact import luma, softened
from latent_ofer.occlusion.face_frame import FaceFrame
from latent_ofer.occlusion.placing import REFERENCE

BROW = -0.2
"""Height above which hair hides the forehead alone; see `FaceFrame`."""
TONES = np.array([[28, 22, 20], [58, 42, 32], [100, 72, 48], [170, 135, 90], [150, 148, 145]])
"""Black, two browns, blond, grey."""
DRAWN = 200
"""Least side of the picture that strands are drawn in, in pixels."""
STEPS = np.linspace(0, 1, 9)[:, None]

Floats = NDArray[np.float64]
Curve = NDArray[np.float64]
"""Root, bend and tip of a strand: (3, 2) in coordinates of the face; see `FaceFrame`."""


def paste_hair(
    face: NDArray[np.uint8],
    landmarks: NDArray[np.floating],
    rng: Generator,
    *,
    grey: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Let hair fall over a face: as `latent_ofer.occlusion.cloth.paste_cloth` with cloth."""
    side = face.shape[0]
    frame = FaceFrame.of(landmarks)
    times = max(1, -(-DRAWN // side))
    alpha, shade = Image.new("L", (times * side,) * 2), Image.new("L", (times * side,) * 2, 128)
    for left, right in _locks(rng):
        _draw_lock(rng, frame, times, left, right, alpha, shade)
    blur = rng.uniform(0.1, 0.6) * max(1, side / 70)
    alpha = softened(alpha.reduce(times), blur)
    level = np.asarray(softened(shade.reduce(times), blur), dtype=np.float32)[..., None]
    level = level / np.float32(128)
    tone = _tone(rng, face, frame)
    surface: NDArray[np.float32] = tone * level * _sheen(rng, side, frame)
    surface += max(0, rng.uniform(-3, 5)) * rng.standard_normal((side, side, 1), dtype=np.float32)
    if grey:
        surface = luma(surface)
    opacity = np.asarray(alpha, dtype=np.float32)[..., None] / np.float32(255)
    # Out of the head's own hair, which shows above.
    _, y = frame.grid(side)
    grown = np.clip((y - rng.uniform(-1.2, -0.9)) / rng.uniform(0.15, 0.4), 0, 1)
    opacity = opacity * (rng.uniform(0.85, 1) * grown)[..., None].astype(np.float32)
    below = face * (1 - 0.7 * lighting.shadow(rng, alpha, side / REFERENCE))
    blend = below + opacity * (np.clip(surface, 0, 255) - below)
    pasted = np.rint(np.clip(blend, 0, 255)).astype(np.uint8)
    # Between strands that lie close together, too little of a face shows to count as seen.
    near = np.asarray(softened(alpha, 0.05 * frame.unit), dtype=np.float32) / 255
    covered = (near > 0.45) & frame.skin(side, BROW)
    return pasted, covered, (opacity[..., 0] > 0.1) & ~covered


def _locks(rng: Generator) -> list[tuple[Curve, Curve]]:
    """The two outer strands of each lock of a hairstyle."""
    kind, to = rng.random(), rng.choice([-1.0, 1.0])
    if kind < 0.34:
        return [_swept(rng, to)]
    if kind < 0.5:
        return [_swept(rng, to), _swept(rng, -to)]
    if kind < 0.7:
        return [_fringe(rng)]
    if kind < 0.82:
        return [_curtain(rng, to)]
    return _strays(rng, to)


def _swept(rng: Generator, to: float) -> tuple[Curve, Curve]:
    """From a parting over the eye on one side and down the cheek."""
    parting = rng.uniform(-0.5, 0.35)
    reach = rng.uniform(0.15, 0.75)
    down = rng.uniform(0.05, 1.6)
    inner = [[parting, -1.2], [rng.uniform(0, reach), rng.uniform(-0.9, -0.3)], [reach, down]]
    outer = [[0.9, -1.3], [1.35, -0.4], [rng.uniform(0.8, 1.2), max(down, 0.3) + rng.uniform(0, 1)]]
    side = np.array([to, 1])
    return np.array(inner) * side, np.array(outer) * side


def _fringe(rng: Generator) -> tuple[Curve, Curve]:
    """Straight down over brows and eyes, longer on one side."""
    tips = rng.uniform(-0.05, 0.4) + rng.uniform(-0.3, 0.3) * np.array([-1, 1])
    lean = rng.normal(0, 0.15)
    first = [[-0.85 - lean, -1.3], [-1.05, -0.6], [-0.95 + lean, tips[0]]]
    last = [[0.85 - lean, -1.3], [1.05, -0.6], [0.95 + lean, tips[1]]]
    return np.array(first), np.array(last)


def _curtain(rng: Generator, to: float) -> tuple[Curve, Curve]:
    """Long hair over one half of the face."""
    reach, bend = rng.uniform(0, 0.5), rng.normal(0, 0.15)
    inner = [[rng.uniform(-0.2, 0.4), -1.2], [reach + bend, 0], [reach - bend, 2.2]]
    outer = [[1.1, -1.3], [1.5, 0], [1.4, 2.3]]
    side = np.array([to, 1])
    return np.array(inner) * side, np.array(outer) * side


def _strays(rng: Generator, to: float) -> list[tuple[Curve, Curve]]:
    """Thin locks across the face, as of wind or of sweat."""
    locks = []
    for _ in range(int(rng.integers(2, 8))):
        root = [rng.uniform(-0.6, 1.1), rng.uniform(-1.4, -0.9)]
        tip = [rng.uniform(-0.6, 0.9), rng.uniform(0.3, 1.7)]
        bend = [rng.uniform(0.2, 1.2), rng.uniform(-0.6, 0.4)]
        curve, wide = np.array([root, bend, tip]), rng.uniform(0.02, 0.14)
        away = np.array([[1], [1], [rng.uniform(0.1, 1)]]) * [wide, 0.3 * wide]
        side = np.array([to, 1])
        locks.append(((curve - away) * side, (curve + away) * side))
    return locks


def _draw_lock(
    rng: Generator,
    frame: FaceFrame,
    times: int,
    left: Curve,
    right: Curve,
    alpha: Image.Image,
    shade: Image.Image,
) -> None:
    """Draw the strands between two: in tufts, whose tips come together."""
    gap = max(float(np.abs(left - right)[:, 0].max()), 0.02)
    tufts = int(np.clip(gap * rng.uniform(8, 22), 2, 26))
    draws = ImageDraw.Draw(alpha), ImageDraw.Draw(shade)
    unit = frame.unit * times
    contrast, together = rng.uniform(0.03, 0.2), rng.uniform(0.2, 0.9)
    loose, dense = rng.uniform(0.02, 0.25), rng.uniform(0.15, 0.6)
    rate, phase, curl = rng.uniform(2, 9), rng.uniform(0, 6), abs(rng.normal(0, 0.06))
    middles = (np.arange(tufts) + rng.uniform(0.1, 0.9, tufts)) / tufts
    for middle in rng.permutation(middles):
        length = rng.normal(0, loose)
        own = 1 + rng.normal(0, contrast)
        wave = curl * STEPS * np.sin(rate * STEPS + phase + rng.normal(0, 0.5))
        for _ in range(int(rng.integers(5, 11))):
            root = middle + rng.normal(0, 0.6 / tufts)
            tip = middle + (root - middle) * (1 - together) + rng.normal(0, 0.1 / tufts)
            ends = np.array([[root], [(2 * root + tip) / 3], [tip]])
            curve = left * (1 - ends) + right * ends
            curve[2] += (curve[2] - curve[1]) * (length + rng.normal(0, loose / 2))
            points = _bezier(curve) + wave * [1, 0]
            pixels = (frame.on_canvas(points) + 0.5) * times - 0.5
            wide = max(1, round(unit * gap / tufts * dense * rng.uniform(0.3, 1)))
            light = int(np.clip(128 * own * (1 + rng.normal(0, contrast)), 20, 250))
            line = pixels.ravel().tolist()
            draws[0].line(line, fill=255, width=wide)
            draws[1].line(line, fill=light, width=wide)
            if wide > 2:
                # Strands end in a point.
                end = pixels[-2:].ravel().tolist()
                draws[0].line(end, fill=120, width=max(1, wide // 3))


def _bezier(curve: Curve) -> Floats:
    root, bend, tip = curve
    points: Floats = (1 - STEPS) ** 2 * root + 2 * STEPS * (1 - STEPS) * bend + STEPS**2 * tip
    return points


def _tone(rng: Generator, face: NDArray[np.uint8], frame: FaceFrame) -> NDArray[np.float32]:
    """Colour of the head's own hair as far as its top shows any, at times of another's: (3,)."""
    if rng.random() < 0.25:
        tone = TONES[rng.integers(len(TONES))] * rng.uniform(0.7, 1.3)
        return np.asarray(tone, dtype=np.float32)
    x, y = frame.grid(face.shape[0])
    top = face[(y < -0.62) & (np.abs(x) < 1) | (np.abs(np.abs(x) - 1.1) < 0.12) & (y < 0)]
    if not len(top):
        top = face[: max(1, len(face) // 8)].reshape(-1, 3)
    order = np.argsort(top.mean(axis=1))
    low = rng.uniform(0, 0.35)
    piece = top[order[int(low * len(top)) : int((low + 0.15) * len(top)) + 1]]
    return np.asarray(np.minimum(piece.mean(axis=0) * rng.uniform(0.7, 1.1) + 3, 190), np.float32)


def _sheen(rng: Generator, side: int, frame: FaceFrame) -> NDArray[np.float32]:
    """A band of light around the head, and light from one side: factors (S, S, 1)."""
    x, y = frame.grid(side)
    height, wide = rng.uniform(-0.9, 0.6), rng.uniform(0.15, 0.6)
    bent = y - rng.uniform(-0.2, 0.3) * x**2
    band = rng.uniform(0, 0.6) * np.exp(-(((bent - height) / wide) ** 2))
    slope = rng.uniform(0, 0.3) * textures.ramp(rng, side)[..., 0]
    return np.asarray(1 + band + slope, dtype=np.float32)[..., None]
