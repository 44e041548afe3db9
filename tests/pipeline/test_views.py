"""A recogniser with three views of a face: as it came, hidden part blanked, repaired."""

import numpy as np
import pytest

from fakes import TypesBackend, ViewsBackend, hide
from helpers import drawn_face
from latent_ofer import EXPRESSIONS, Expression, LatentOFER
from latent_ofer.backends.protocol import Floats, Mask
from latent_ofer.recogniser.views import Fusion
from latent_ofer.stages import Stages
from latent_ofer.weights_folder import Thresholds

THRESHOLDS = Thresholds(colour=0.5, grey=0.25)
FUSION = Fusion(0.5, ((0.6, -0.4, 2.0), (0.2, 1.5, -1.0), (0.4, 0.3, 0.5)))
CLEAN = drawn_face()[0]
HIDDEN = hide(CLEAN, slice(8, 12), slice(3, 9))
MASK = np.zeros((14, 14), dtype=bool)
MASK[8:12, 3:9] = True
NOTHING = np.zeros((14, 14), dtype=bool)
NO_LATENTS = np.empty(0, np.float32)


def stages() -> Stages:
    return Stages(ViewsBackend(), THRESHOLDS, FUSION)


def softmax(logits: np.ndarray) -> list[float]:
    powers = np.exp(logits - logits.max())
    return [float(power) for power in powers / powers.sum()]


def of(expression: Expression) -> list[float]:
    assert tuple(expression.probabilities) == EXPRESSIONS
    return list(expression.probabilities.values())


def planes(face: np.ndarray) -> Floats:
    """(1, 3, S, S) float32 in [0, 1]."""
    levels: Floats = face.astype(np.float32).transpose(2, 0, 1)[None] / 255
    return levels


def answer(face: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The recogniser's own logits (8,) and attention (14, 14) of one face."""
    logits, attention = ViewsBackend().recognise(planes(face), NO_LATENTS, mask[None])
    return logits[0], attention[0]


def repaired(face: np.ndarray) -> np.ndarray:
    mended = ViewsBackend().reconstruct(planes(face), MASK[None])[0]
    return np.asarray(mended.transpose(1, 2, 0) * 255)


def test_a_hidden_face_gets_the_answer_fused_by_its_hidden_share() -> None:
    (reading,) = stages().read(HIDDEN[None], 8, [None])
    assert np.array_equal(reading.occlusion.mask, MASK)
    as_it_came, _ = answer(HIDDEN, NOTHING)
    blanked, _ = answer(HIDDEN, MASK)
    mended, attention = answer(repaired(HIDDEN), NOTHING)
    assert of(reading.before) == pytest.approx(softmax(0.5 * as_it_came), abs=1e-5)
    share = 24 / 196
    total = np.zeros(8)
    views = (as_it_came, blanked, mended)
    for view, (a, b, _) in zip(views, FUSION.after, strict=True):
        total += (a + b * share) * (view - view.mean())
    assert of(reading.after) == pytest.approx(softmax(total), abs=1e-5)
    assert reading.after.attention == pytest.approx(attention, abs=1e-5)
    assert np.ptp([of(reading.before)[0], of(reading.after)[0]]) > 0.001


def test_a_face_without_a_hidden_patch_is_read_once_and_calibrated() -> None:
    (reading,) = stages().read(CLEAN[None], 8, [None])
    assert not reading.occlusion.mask.any()
    assert reading.after is reading.before
    assert of(reading.before) == pytest.approx(softmax(0.5 * answer(CLEAN, NOTHING)[0]), abs=1e-5)
    assert np.array_equal(reading.reconstruction, CLEAN)


def test_a_face_reads_the_same_alone_and_among_others() -> None:
    faces = np.stack([HIDDEN, CLEAN, hide(CLEAN, slice(2, 5), slice(2, 12))])
    together = stages().read(faces, 8, [None] * 3)
    for face, among in zip(faces, together, strict=True):
        (alone,) = stages().read(face[None], 8, [None])
        assert of(alone.after) == pytest.approx(of(among.after), abs=1e-6)
        assert of(alone.before) == pytest.approx(of(among.before), abs=1e-6)


def test_views_are_what_reading_fuses() -> None:
    faces = np.stack([HIDDEN, CLEAN, hide(CLEAN, slice(2, 5), slice(2, 12))])
    logits, shares = stages().views(faces)
    assert logits.shape == (3, 3, 8) and logits.dtype == np.float32
    assert shares[:, 0] == pytest.approx([24 / 196, 0, 30 / 196]) and not shares[:, 1].any()
    assert np.array_equal(logits[1, 1], logits[0, 1]) and np.array_equal(logits[2, 1], logits[0, 1])
    fused, alone = FUSION.of(list(logits), shares), FUSION.alone(logits[0])
    for row, reading in enumerate(stages().read(faces, 8, [None] * 3)):
        assert of(reading.before) == pytest.approx(softmax(alone[row]), abs=1e-5)
        expected = alone[row] if row == 1 else fused[row]
        assert of(reading.after) == pytest.approx(softmax(expected), abs=1e-5)


def test_what_a_hand_hides_is_told_from_what_else_does() -> None:
    typed = Stages(TypesBackend(), THRESHOLDS, FUSION)
    faces = np.stack([hide(CLEAN, slice(2, 5), slice(2, 12)), HIDDEN])
    faces[0] = hide(faces[0], slice(9, 12), slice(3, 9))
    _, shares = typed.views(faces)
    assert shares.ravel() == pytest.approx([48 / 196, 30 / 196, 24 / 196, 0])
    logits, _ = typed.views(faces)
    fused = FUSION.of(list(logits), shares)
    for row, reading in enumerate(typed.read(faces, 8, [None] * 2)):
        assert of(reading.after) == pytest.approx(softmax(fused[row]), abs=1e-5)
    # Where types do not count as hidden, neither does a hand.
    _, shares = Stages(TypesBackend(), THRESHOLDS, FUSION, ["object"]).views(faces)
    assert shares.ravel() == pytest.approx([18 / 196, 0, 24 / 196, 0])


def test_views_are_not_calibrated() -> None:
    logits, _ = Stages(ViewsBackend(), THRESHOLDS).views(CLEAN[None])
    assert logits[0, 0] == pytest.approx(answer(CLEAN, NOTHING)[0], abs=1e-5)


def test_recognise_does_not_look_where_the_mask_is_and_repairs_nothing() -> None:
    model = LatentOFER(ViewsBackend(), THRESHOLDS, fusion=FUSION)
    expected = softmax(0.5 * answer(CLEAN, MASK)[0])
    assert of(model.recognise(CLEAN, MASK)) == pytest.approx(expected, abs=1e-5)
    painted = CLEAN.copy()
    painted[64:96, 24:72] = 9
    assert of(model.recognise(painted, MASK)) == of(model.recognise(CLEAN, MASK))
    assert of(model.recognise(painted)) != of(model.recognise(CLEAN))


class LeftBackend(ViewsBackend):
    """One whose logits tell the left half of a face from the right one."""

    def recognise(self, faces: Floats, latents: Floats, mask: Mask) -> tuple[Floats, Floats]:
        logits, attention = super().recognise(faces, latents, mask)
        left = faces[..., :56].mean(axis=(1, 2, 3))
        return logits + left[:, None] * np.arange(8, dtype=np.float32), attention


def test_only_as_it_came_is_a_face_read_in_its_mirror_image_too() -> None:
    face = HIDDEN.copy()
    face[:, :40] //= 2
    (own,), _ = LeftBackend().recognise(planes(face), NO_LATENTS, NOTHING[None])
    (flipped,), _ = LeftBackend().recognise(planes(face[:, ::-1]), NO_LATENTS, NOTHING[None])
    assert np.abs(own - flipped).max() > 0.1
    logits, _ = Stages(LeftBackend(), THRESHOLDS).views(face[None])
    assert logits[0, 0] == pytest.approx((own + flipped) / 2, abs=1e-5)
    mask = Stages(LeftBackend(), THRESHOLDS).detect(face[None])[0].mask
    blanked, _ = LeftBackend().recognise(planes(face), NO_LATENTS, mask[None])
    assert mask.any() and logits[1, 0] == pytest.approx(blanked[0], abs=1e-5)


def test_views_of_a_face_whose_hidden_part_is_known_ask_no_detector_what_it_is() -> None:
    known = ~MASK
    logits, shares = stages().views(HIDDEN[None], known[None])
    blanked, _ = answer(HIDDEN, known)
    assert logits[1, 0] == pytest.approx(blanked, abs=1e-5)
    assert shares[0, 0] == pytest.approx(MASK.mean())  # the detector's word all the same


def test_seven_labels_are_the_eight_renormalised() -> None:
    (eight,) = stages().read(HIDDEN[None], 8, [None])
    (seven,) = stages().read(HIDDEN[None], 7, [None])
    rest = 1 - eight.after.probabilities["contempt"]
    assert list(seven.after.probabilities) == list(EXPRESSIONS[:7])
    for label, share in seven.after.probabilities.items():
        assert share == pytest.approx(eight.after.probabilities[label] / rest)
