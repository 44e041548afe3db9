import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fakes import FakeBackend, FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer import EXPRESSIONS, FaceResult, ImageError, LatentOFER, Occlusion, WeightsError
from latent_ofer.images.align import TEMPLATE_112, similarity
from latent_ofer.images.face_regions import hidden_shares
from latent_ofer.results import COVER_TYPES, REGIONS
from latent_ofer.weights_folder import Thresholds

FACE, LANDMARKS = drawn_face()
HIDDEN = hide(FACE, slice(8, 12), slice(3, 9))


def crop(seed: int, hidden: bool = False) -> np.ndarray:
    face, _ = drawn_face(seed=seed)
    return hide(face, slice(2, 5), slice(2, 12)) if hidden else face


def same(one: FaceResult, other: FaceResult) -> bool:
    return (
        one.expression == other.expression
        and np.allclose(
            list(one.probabilities.values()), list(other.probabilities.values()), atol=1e-5
        )
        and np.array_equal(one.occlusion.mask, other.occlusion.mask)
        and np.array_equal(one.reconstruction, other.reconstruction)
    )


def test_a_hidden_face_is_detected_repaired_and_read_again() -> None:
    model, backend = fake_model()
    (face,) = model.predict(HIDDEN, crops=True)
    expected = np.zeros((14, 14), dtype=bool)
    expected[8:12, 3:9] = True
    assert np.array_equal(face.occlusion.mask, expected)
    assert face.occlusion.ratio == pytest.approx(24 / 196)
    assert backend.repaired == 1
    assert np.array_equal(face.face, HIDDEN)
    assert (face.reconstruction[64:96, 24:72] == 128).all()
    visible = ~expected.repeat(8, 0).repeat(8, 1)
    assert np.array_equal(face.reconstruction[visible], HIDDEN[visible])
    assert face.before.probabilities != face.probabilities
    assert not np.array_equal(face.before.attention, face.attention)


def test_a_clean_face_skips_the_repair() -> None:
    model, backend = fake_model()
    (face,) = model.predict(FACE, crops=True)
    assert backend.repaired == 0
    assert face.probabilities == face.before.probabilities
    assert np.array_equal(face.reconstruction, face.face)
    assert face.occlusion.ratio == 0


def test_before_is_the_recogniser_on_the_face_as_it_came_and_after_on_the_repaired_one() -> None:
    model, _ = fake_model()
    (face,) = model.predict(HIDDEN, crops=True)
    assert model.recognise(HIDDEN).probabilities == face.before.probabilities
    after = model.recognise(face.reconstruction, face.occlusion.mask).probabilities
    # The pipeline hands the repaired face on unrounded: half a level of 255 at most.
    assert after == pytest.approx(face.probabilities, abs=0.01)


def test_a_face_read_with_too_little_confidence_is_uncertain_between_two_labels() -> None:
    model, _ = fake_model()
    (face,) = model.predict(HIDDEN, crops=True)
    (unsure,) = model.predict(HIDDEN, crops=True, abstain_below=face.confidence + 0.01)
    first, second = sorted(face.probabilities, key=lambda label: -face.probabilities[label])[:2]
    assert unsure.expression == "uncertain" and unsure.alternatives == (first, second)
    assert unsure.probabilities == face.probabilities and unsure.confidence == face.confidence
    assert unsure.to_dict()["alternatives"] == [first, second]
    (sure,) = model.predict(HIDDEN, crops=True, abstain_below=face.confidence)
    assert sure.expression == first and sure.alternatives == ()


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_confidence_to_abstain_below_is_a_probability(share: float) -> None:
    model, _ = fake_model()
    with pytest.raises(ValueError, match="abstain_below must be from 0 to 1"):
        model.predict(FACE, crops=True, abstain_below=share)


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_face_gives_the_same_answer_alone_and_in_any_batch(batch_size: int) -> None:
    model, backend = fake_model()
    images = [crop(seed, hidden=seed % 2 == 0) for seed in range(7)]
    together = model.predict(images, crops=True, batch_size=batch_size)
    assert max(backend.batches) == min(batch_size, 7)
    assert sum(backend.batches) == 7
    alone = [model.predict(image, crops=True)[0] for image in images]
    assert all(same(a, b[0]) for a, b in zip(alone, together, strict=True))


def test_faces_of_several_photos_fill_batches_and_come_back_in_order() -> None:
    model, backend = fake_model(FakeFinder([LANDMARKS, LANDMARKS + 2, LANDMARKS - 2]))
    plain = np.full((112, 112, 3), 128, np.uint8)
    photos = [crop(0), plain, crop(1), crop(2)]
    results = model.predict(photos, batch_size=4)
    assert [len(faces) for faces in results] == [3, 0, 3, 3]
    assert backend.batches == [4, 4, 1]
    for photo, faces in zip(photos, results, strict=True):
        for face, expected in zip(faces, model.predict(photo), strict=True):
            assert same(face, expected)
            assert face.box == expected.box


def test_long_lists_are_read_only_as_far_as_needed() -> None:
    model, _ = fake_model()
    read = []

    def photos():
        for seed in range(10):
            read.append(seed)
            yield crop(seed)

    outcomes = model.predict_each(photos(), crops=True, batch_size=2)
    assert read == []
    next(outcomes)
    assert read == [0, 1]


def test_box_and_landmarks_come_from_the_finder_and_crops_have_none() -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    (found,) = model.predict(FACE)
    assert found.box == pytest.approx((*LANDMARKS.min(axis=0), *LANDMARKS.max(axis=0)))
    assert np.array_equal(found.landmarks, LANDMARKS)
    (ready,) = model.predict(FACE, crops=True)
    assert ready.box is None
    assert ready.landmarks is None


def test_hidden_regions_follow_the_landmarks_and_in_crops_the_template() -> None:
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # The alignment takes turn and size out again; what stays is that the nose points aside.
    aside = LANDMARKS + [[0, 0], [0, 0], [12, 0], [0, 0], [0, 0]]
    photo = np.full((224, 224, 3), 100, np.uint8)
    photo[:112] = 255, 0, 0
    model, _ = fake_model(FakeFinder([1.3 * (aside - 55.5) @ turn.T + 112]))
    (face,) = model.predict(photo)
    aligned = aside @ (matrix := similarity(aside, TEMPLATE_112))[:, :2].T + matrix[:, 2]
    assert face.occlusion.mask.any()
    assert face.occlusion.regions == hidden_shares(face.occlusion.mask, aligned)
    assert face.occlusion.regions != hidden_shares(face.occlusion.mask, None)
    (ready,) = model.predict(HIDDEN, crops=True)
    assert ready.occlusion.regions == hidden_shares(ready.occlusion.mask, None)
    assert model.detect(HIDDEN).regions == ready.occlusion.regions
    assert ready.occlusion.regions["mouth"] > 0.6


def test_hidden_regions_are_described_from_the_most_hidden_down_to_a_quarter() -> None:
    shares = dict(zip(REGIONS, (0.24, 0.25, 0, 0.834, 0.6, 0.02, 0, 1), strict=True))
    nothing = np.zeros((14, 14), bool)
    occlusion = Occlusion(nothing.astype(float), nothing, 0.0, 0.5, shares)
    assert occlusion.describe() == "chin 100%, mouth 83%, left cheek 60%, right eye 25%"
    assert (
        Occlusion(occlusion.scores, nothing, 0.0, 0.5, dict.fromkeys(REGIONS, 0.0)).describe() == ""
    )


def told(type_: str, face: np.ndarray = HIDDEN) -> tuple[LatentOFER, list[FaceResult]]:
    """What the pipeline makes of a face whose hidden part is told to be of a type."""

    class Telling(FakeBackend):
        def detect(self, faces: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            scores, _ = super().detect(faces, latents)
            types = np.full((len(faces), 8, 196), 0.1, np.float32)
            types[:, COVER_TYPES.index(type_)] = 0.2 + 0.7 * (scores > 0.5)
            return scores, types

    model = LatentOFER(Telling(), Thresholds(0.5, 0.25), treat_as_hidden=("hand", "glasses"))
    return model, model.predict(face, crops=True)


def test_what_covers_a_face_is_named_and_counts_as_hidden_where_it_is_to() -> None:
    share = float(fake_model()[0].predict(HIDDEN, crops=True)[0].occlusion.ratio)
    model, (face,) = told("hand")
    (cover,) = face.occlusion.covers
    assert (cover.type, cover.hidden) == ("hand", True)
    assert cover.share == pytest.approx(share) and cover.probability == pytest.approx(0.9 / 1.3)
    assert face.occlusion.ratio == pytest.approx(share)
    assert model.detect(HIDDEN).covers == face.occlusion.covers
    assert face.to_dict()["occlusion"]["covers"] == [
        {
            "type": "hand",
            "probability": round(cover.probability, 6),
            "share": round(share, 6),
            "hidden": True,
        }
    ]
    _, (face,) = told("cloth")
    (cover,) = face.occlusion.covers
    assert (cover.type, cover.hidden) == ("cloth", False)
    assert face.occlusion.ratio == 0 and not face.occlusion.mask.any()
    assert np.array_equal(face.reconstruction, face.face)
    assert face.occlusion.regions["mouth"] == 0


def test_weights_that_tell_no_types_name_no_covers() -> None:
    (face,) = fake_model()[0].predict(HIDDEN, crops=True)
    assert face.occlusion.mask.any() and face.occlusion.covers == ()


def test_probabilities_are_in_order_and_sum_to_one_and_the_best_is_the_expression() -> None:
    model, _ = fake_model()
    (face,) = model.predict(FACE, crops=True)
    assert tuple(face.probabilities) == EXPRESSIONS
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-12)
    assert face.confidence == max(face.probabilities.values())
    assert face.probabilities[face.expression] == face.confidence


def test_seven_labels_drop_contempt_and_renormalise() -> None:
    model, _ = fake_model()
    (eight,) = model.predict(HIDDEN, crops=True)
    (seven,) = model.predict(HIDDEN, crops=True, labels=7)
    assert tuple(seven.probabilities) == EXPRESSIONS[:7]
    for of_eight, of_seven in ((eight, seven), (eight.before, seven.before)):
        rest = 1 - of_eight.probabilities["contempt"]
        for label, share in of_seven.probabilities.items():
            assert share == pytest.approx(of_eight.probabilities[label] / rest)


def test_grey_faces_take_the_grey_threshold() -> None:
    model, _ = fake_model()
    grey = np.repeat(FACE[..., :1], 3, axis=2)
    assert model.detect(grey).threshold == 0.25
    almost_grey = grey.copy()
    almost_grey[::2, :, 0] ^= 1
    assert model.detect(almost_grey).threshold == 0.25
    assert model.detect(FACE).threshold == 0.5


def test_stage_methods_take_one_face_or_a_batch() -> None:
    model, _ = fake_model()
    batch = np.stack([crop(seed, hidden=seed % 3 == 0) for seed in range(40)])
    for occlusion, face in zip(model.detect(batch), batch, strict=True):
        assert np.array_equal(occlusion.scores, model.detect(face).scores)
    masks = np.stack([occlusion.mask for occlusion in model.detect(batch)])
    repaired = model.reconstruct(batch, masks)
    assert repaired.shape == batch.shape
    assert np.array_equal(repaired[3], model.reconstruct(batch[3], masks[3]))
    assert np.array_equal(
        model.reconstruct(batch[:2], masks[0])[1, 16:40, 16:96], repaired[0, 16:40, 16:96]
    )
    expressions = model.recognise(batch, masks)
    assert expressions[39].probabilities == pytest.approx(
        model.recognise(batch[39], masks[39]).probabilities, abs=1e-5
    )
    assert model.detect(batch[:0]) == []


def test_a_pixel_mask_repairs_exactly_its_pixels() -> None:
    model, _ = fake_model()
    pixels = np.zeros((112, 112), dtype=bool)
    pixels[50:61, 30:77] = True
    repaired = model.reconstruct(FACE, pixels)
    assert (repaired[pixels] == 128).all()
    assert np.array_equal(repaired[~pixels], FACE[~pixels])


def test_wrong_arguments_are_value_errors_that_say_what_is_wanted() -> None:
    model, _ = fake_model()
    nothing = np.zeros((14, 14), bool)
    for call, words in (
        (lambda: model.predict(FACE, crops=True, labels=6), "labels must be one of 8, 7; got 6"),
        (lambda: model.predict(FACE, crops=True, batch_size=0), "batch_size"),
        (lambda: model.predict(FACE, crops=True, on_error="skip"), "on_error"),
        (lambda: model.detect(FACE[:50]), r"\(112, 112, 3\)"),
        (lambda: model.detect(FACE / 255), "uint8"),
        (lambda: model.reconstruct(FACE, nothing.astype(int)), "mask must be a bool"),
        (lambda: model.reconstruct(FACE, nothing[:13]), "mask must be a bool"),
        (lambda: model.recognise(FACE, np.stack([nothing, nothing])), "each of the 1 faces"),
        (lambda: LatentOFER.from_pretrained(backend="tpu"), "backend must be one of"),
        (
            lambda: LatentOFER.from_pretrained(detector="best"),
            "detector must be one of .*'one-class'",
        ),
        (
            lambda: LatentOFER.from_pretrained(recogniser="best"),
            "recogniser must be one of .*'views'",
        ),
        (lambda: LatentOFER.from_pretrained(device="moon"), "device must be one of"),
        (lambda: LatentOFER.from_pretrained(threads=0), "threads"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


def test_a_bad_image_is_raised_or_stands_in_its_place() -> None:
    model, _ = fake_model()
    images = [FACE, b"no image", HIDDEN]
    with pytest.raises(ImageError):
        model.predict(images, crops=True)
    first, error, last = model.predict(images, crops=True, on_error="return")
    assert isinstance(error, ImageError)
    assert error.code == "not_an_image"
    assert len(first) == len(last) == 1
    assert isinstance(model.predict(b"", crops=True, on_error="return"), ImageError)


def test_a_failing_finder_costs_only_its_own_image() -> None:
    class Failing(FakeFinder):
        def find(self, image):
            if image[0, 0, 0] == 7:
                raise RuntimeError("boom")
            return super().find(image)

    model, _ = fake_model(Failing([LANDMARKS]))
    bad = FACE.copy()
    bad[0, 0, 0] = 7
    good = FACE.copy()
    good[0, 0, 0] = 8
    outcomes = model.predict([good, bad, good], on_error="return")
    assert [isinstance(outcome, ImageError) for outcome in outcomes] == [False, True, False]
    assert outcomes[1].code == "internal"
    assert "boom" in outcomes[1].message


def test_paths_bytes_pictures_and_arrays_are_the_same_image(tmp_path: Path) -> None:
    model, _ = fake_model()
    path = tmp_path / "face.png"
    Image.fromarray(HIDDEN).save(path)
    sources = [path, str(path), path.read_bytes(), Image.open(path), HIDDEN]
    results = model.predict(sources, crops=True)
    assert all(same(faces[0], results[0][0]) for faces in results)
    assert model.predict([], crops=True) == []


def test_a_result_goes_through_json_unchanged() -> None:
    model, _ = fake_model(FakeFinder([LANDMARKS]))
    (face,) = model.predict(HIDDEN)
    plain = face.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["probabilities"] == face.probabilities
    assert plain["before"]["expression"] == face.before.expression
    assert np.array_equal(plain["occlusion"]["mask"], face.occlusion.mask)
    assert plain["occlusion"]["regions"] == pytest.approx(face.occlusion.regions, abs=1e-6)
    assert np.allclose(plain["landmarks"], LANDMARKS)
    assert len(plain["box"]) == 4


def test_missing_weights_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"manifest\.json: missing"):
        LatentOFER.from_pretrained(tmp_path)
