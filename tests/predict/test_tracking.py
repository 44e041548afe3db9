"""A face keeps its number while it moves, crosses others and hides for a while."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import FakeFinder, fake_model, hide
from helpers import drawn_face
from latent_ofer.predict.sighting import Look, Sighting, sightings
from latent_ofer.predict.tracking import Tracker

MODEL, _ = fake_model()
SIDE = 60.0


def look_of(seed: int, hidden: bool = False) -> Look:
    face, _ = drawn_face(seed=seed)
    if hidden:
        face = hide(face, slice(7, 14), slice(0, 14))
    return Look.of(MODEL.predict(face, crops=True)[0])


LOOKS = [look_of(seed) for seed in range(3)]
Scene = Callable[[float], Sequence[tuple[float, float] | None]]


def at(place: tuple[float, float], look: Look, off: NDArray[np.float64]) -> Sighting:
    x, y = np.add(place, off).tolist()
    return Sighting((x - SIDE / 2, y - SIDE / 2, x + SIDE / 2, y + SIDE / 2), 1.0, look)


def frames(
    scene: Scene, seconds: float, rate: float, looks: Sequence[Look]
) -> Iterator[tuple[float, list[int], list[Sighting]]]:
    """When, whose faces are seen, and where, a little off."""
    rng = np.random.default_rng(0)
    for time in np.arange(round(seconds * rate)) / rate:
        shown = [(f, place) for f, place in enumerate(scene(time)) if place is not None]
        shown.sort(key=lambda one: one[1])
        found = [at(place, looks[f], rng.normal(0, 1, 2)) for f, place in shown]
        yield float(time), [f for f, _ in shown], found


def numbers(
    scene: Scene, seconds: float, rate: float = 25, looks: Sequence[Look] = LOOKS
) -> list[list[int]]:
    """The tracks that each face of a scene is given, frame by frame."""
    tracker = Tracker()
    given: list[list[int]] = [[] for _ in looks]
    for time, faces, found in frames(scene, seconds, rate, looks):
        for face, number in zip(faces, tracker.number(time, found), strict=True):
            given[face].append(number)
    return given


def one_each(given: list[list[int]]) -> bool:
    """Whether each face had one track, and no other face had it."""
    tracks = [set(each) for each in given]
    return all(len(each) == 1 for each in tracks) and len(set.union(*tracks)) == len(tracks)


def crossing(seconds: float) -> Sequence[tuple[float, float] | None]:
    """Three that walk past each other; each is out of sight for a second, one as two meet."""
    places = [
        (100 + 80 * seconds, 200.0),
        (500 - 80 * seconds, 210.0),
        (300 + 60 * np.sin(seconds), 190.0),
    ]
    hidden = ((1.0, 2.0), (2.0, 3.0), (3.5, 4.5))
    return [
        None if begins <= seconds < ends else place
        for place, (begins, ends) in zip(places, hidden, strict=True)
    ]


def test_three_that_cross_and_hide_for_a_second_have_a_track_each() -> None:
    assert one_each(numbers(crossing, 5))


def test_those_who_look_alike_are_told_apart_by_where_they_go() -> None:
    assert one_each(numbers(crossing, 5, looks=[LOOKS[0]] * 3))


def meeting(seconds: float) -> Sequence[tuple[float, float] | None]:
    """Two who come near each other and turn back while neither is seen."""
    near = 40 * abs(seconds - 2) + 20
    hidden = abs(seconds - 2) < 0.6
    return [None, None] if hidden else [(300 - near, 200.0), (300 + near, 200.0)]


def test_two_who_turn_back_behind_something_are_told_apart_by_how_they_look() -> None:
    assert one_each(numbers(meeting, 4, looks=LOOKS[:2]))
    assert not one_each(numbers(meeting, 4, looks=[LOOKS[0]] * 2))


@pytest.mark.parametrize("rate", [1, 5, 30])
def test_few_frames_a_second_will_do(rate: float) -> None:
    def slow(seconds: float) -> Sequence[tuple[float, float]]:
        return [(100 + 30 * seconds, 200.0), (600 - 30 * seconds, 300.0)]

    assert one_each(numbers(slow, 10, rate, LOOKS[:2]))


def test_who_comes_back_after_long_or_looks_like_another_is_somebody_new() -> None:
    def away(seconds: float) -> Sequence[tuple[float, float] | None]:
        return [None if 1 <= seconds < 4 else (200.0, 200.0)]

    assert numbers(away, 5, looks=LOOKS[:1]) == [[0] * 25 + [1] * 25]

    def cut(seconds: float) -> Sequence[tuple[float, float] | None]:
        place = (200.0, 200.0)
        return [place, None] if seconds < 1 else [None, place]

    negative = Look(255 - LOOKS[0].colours, LOOKS[0].visible)
    assert numbers(cut, 2, looks=[LOOKS[0], negative]) == [[0] * 25, [1] * 25]


def test_a_hand_over_the_mouth_makes_nobody_another() -> None:
    covered = look_of(0, hidden=True)
    ours, theirs = LOOKS[0].difference(covered), LOOKS[0].difference(LOOKS[1])
    assert ours is not None and theirs is not None and ours < 0.1 < theirs
    nothing = Look(covered.colours, np.zeros_like(covered.visible))
    assert LOOKS[0].difference(nothing) is None
    tracker = Tracker()
    for time, look in enumerate([LOOKS[0], covered, nothing, LOOKS[0]]):
        assert tracker.number(time, [at((100, 100), look, np.zeros(2))]) == [0]


def test_a_face_that_is_mostly_hidden_may_be_found_elsewhere() -> None:
    tracker = Tracker()
    whole, part = (at((x, 100), LOOKS[0], np.zeros(2)) for x in (100, 150))
    for time in range(3):
        assert tracker.number(time / 25, [whole]) == [0]
    assert tracker.number(3 / 25, [replace(part, shown=0.3)]) == [0]
    assert tracker.number(4 / 25, [whole]) == [0]
    assert tracker.number(5 / 25, [part]) == [1]


def test_how_a_half_hidden_face_looks_counts_for_less() -> None:
    other = Look(255 - LOOKS[0].colours, LOOKS[0].visible)
    whole, odd = at((100, 100), LOOKS[0], np.zeros(2)), at((100, 100), other, np.zeros(2))
    for shown, expected in ((1.0, [1]), (0.25, [0])):
        tracker = Tracker()
        assert tracker.number(0, [whole]) == [0]
        assert tracker.number(0.04, [replace(odd, shown=shown)]) == expected


def test_what_another_face_may_hide_is_not_looked_at() -> None:
    face, points = drawn_face()
    photo = np.hstack([face, face])
    model, _ = fake_model(FakeFinder([points, points + [80, 0], points + [400, 0]]))
    one, near, far = sightings(model.predict(photo))
    assert far.shown == 1 > one.shown == near.shown > 0.3
    assert one.look is not None and near.look is not None
    assert one.look.visible[:, :7].all() and not one.look.visible[6:10, 12].any()
    assert near.look.visible[:, 7:].all() and not near.look.visible[6:10, 1].any()


@pytest.mark.parametrize("scene", [crossing, meeting])
def test_what_was_tracked_earlier_is_taken_up_as_if_it_had_never_stopped(scene: Scene) -> None:
    looks = LOOKS[: len(scene(0))]
    told = [(time, found) for time, _, found in frames(scene, 4, 10, looks)]
    whole = Tracker()
    expected = [whole.number(*frame) for frame in told]
    for stop in range(0, 40, 4):
        tracker = Tracker()
        for (time, found), given in zip(told[:stop], expected, strict=False):
            tracker.replay(time, [replace(one, look=None) for one in found], given)
        first = next((n for n, frame in enumerate(told) if frame[0] >= tracker.oldest), 0)
        for (_, found), given in zip(told[first:stop], expected[first:], strict=False):
            tracker.remember(given, found)
        assert [tracker.number(*frame) for frame in told[stop:]] == expected[stop:]
