"""A face keeps its number while it moves, crosses others and hides for a while."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from fakes import fake_model, hide
from helpers import drawn_face
from latent_ofer.predict.tracking import Box, Look, Tracker

MODEL, _ = fake_model()
SIDE = 60.0


def look_of(seed: int, hidden: bool = False) -> Look:
    face, _ = drawn_face(seed=seed)
    if hidden:
        face = hide(face, slice(7, 14), slice(0, 14))
    return Look.of(MODEL.predict(face, crops=True)[0])


LOOKS = [look_of(seed) for seed in range(3)]
Scene = Callable[[float], Sequence[tuple[float, float] | None]]


def box_at(x: float, y: float, side: float = SIDE) -> Box:
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def numbers(
    scene: Scene, seconds: float, rate: float = 25, looks: Sequence[Look] = LOOKS, noise: float = 1
) -> list[list[int]]:
    """The tracks that each face of a scene is given, frame by frame, found a little off."""
    tracker, rng = Tracker(), np.random.default_rng(0)
    given: list[list[int]] = [[] for _ in looks]
    for frame in range(round(seconds * rate)):
        places = list(scene(frame / rate))
        shown = [face for face, place in enumerate(places) if place is not None]
        shown.sort(key=lambda face: places[face])  # type: ignore[arg-type, return-value]
        boxes = [box_at(*(places[face] + rng.normal(0, noise, 2))) for face in shown]  # type: ignore[operator]
        found = tracker.number(frame / rate, boxes, [looks[face] for face in shown])
        for face, number in zip(shown, found, strict=True):
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


def test_two_who_turn_back_behind_something_are_told_apart_by_how_they_look() -> None:
    def meeting(seconds: float) -> Sequence[tuple[float, float] | None]:
        near = 40 * abs(seconds - 2) + 20
        hidden = abs(seconds - 2) < 0.6
        return [None, None] if hidden else [(300 - near, 200.0), (300 + near, 200.0)]

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
    tracker, covered = Tracker(), look_of(0, hidden=True)
    assert LOOKS[0].difference(covered) < 0.1 < LOOKS[0].difference(LOOKS[1])
    looks = [LOOKS[0], covered, LOOKS[0]]
    boxes = [[box_at(100, 100)]] * 3
    assert [tracker.number(n, boxes[n], [looks[n]]) for n in range(3)] == [[0]] * 3


def test_what_was_tracked_earlier_is_taken_up_as_if_it_had_never_stopped() -> None:
    rng = np.random.default_rng(1)
    frames = [
        (
            frame / 10,
            [box_at(*place, side=SIDE + rng.normal()) for place in shown],
            [look for look, place in zip(LOOKS, crossing(frame / 10), strict=True) if place],
        )
        for frame in range(50)
        for shown in [[place for place in crossing(frame / 10) if place is not None]]
    ]
    whole = Tracker()
    expected = [whole.number(*frame) for frame in frames]
    for stop in range(0, 50, 7):
        tracker = Tracker()
        for (time, boxes, _), given in zip(frames[:stop], expected, strict=False):
            tracker.replay(time, boxes, given)
        first = next((n for n, frame in enumerate(frames) if frame[0] >= tracker.oldest), 0)
        for (_, _, looks), given in zip(frames[first:stop], expected[first:], strict=False):
            tracker.remember(given, looks)
        assert [tracker.number(*frame) for frame in frames[stop:]] == expected[stop:]
