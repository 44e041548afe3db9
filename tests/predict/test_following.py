"""What becomes of a face over time: smoothed, summed up, and taken up again."""

from pathlib import Path

import pytest

from fakes import FakeFinder, fake_model
from helpers import drawn_face
from latent_ofer.errors import ImageError
from latent_ofer.predict.following import SMOOTHING, Follower, Smoother
from latent_ofer.predict.journal import Entry, Seen
from latent_ofer.predict.reading import Origin, Place
from latent_ofer.predict.summary import TrackSummary

BOX = (0.0, 0.0, 50.0, 50.0)
FACE, LANDMARKS = drawn_face()
FACES = fake_model(FakeFinder([LANDMARKS, LANDMARKS + 200]))[0].predict(FACE)


def frame(number: int, tracks: dict[int, float], video: int = 0, rate: float = 10) -> Entry:
    """A frame whose tracks are happy with these probabilities, and sad otherwise."""
    seen = [
        Seen(track, BOX, 1.0, {"happiness": share, "sadness": 1 - share})
        for track, share in tracks.items()
    ]
    return Entry(None, [], [], video, number, number / rate, seen)


def test_a_change_comes_through_after_a_second_whatever_the_rate() -> None:
    for rate in (2, 10, 50):
        smoother = Smoother()
        assert smoother.add(0, frame(0, {0: 1.0}).seen[0])["happiness"] == 1
        for number in range(1, rate + 1):
            mean = smoother.add(number * SMOOTHING / rate, frame(number, {0: 0.0}).seen[0])
        assert mean["happiness"] == pytest.approx(0.3679, abs=1e-4)
        assert sum(mean.values()) == pytest.approx(1)


def test_a_summary_has_each_tracks_share_of_time_and_every_change() -> None:
    summary = TrackSummary(["photo.jpg", "a.mp4", "b.mp4"])
    summary.add(Entry(None, ["fear"], []))
    for number in range(40):
        tracks = {0: float(number < 20), **({1: 1.0} if 5 <= number < 8 else {})}
        summary.add(frame(number, tracks, video=1))
    summary.add(Entry("corrupt", [], [], 1, 40))
    summary.add(frame(0, {0: 1.0}, video=2))
    told = summary.to_dict()
    assert told["smoothing"] == {"method": "exponential mean", "seconds": 1.0}
    first, second = told["videos"]
    assert (first["path"], second["path"]) == ("a.mp4", "b.mp4")
    one, other = first["tracks"]
    assert [(c["frame"], c["expression"]) for c in one["changes"]] == [
        *((0, "happiness"), (26, "sadness"))
    ]
    assert one["changes"][1]["time"] == 2.6
    assert (one["track"], one["frames"], one["start"], one["end"]) == (0, 40, 0.0, 3.9)
    assert one["seconds"] == 4.0
    assert one["shares"] == {"happiness": 0.65, "sadness": 0.35}
    assert (other["track"], other["start"], other["end"]) == (1, 0.5, 0.7)
    assert other["shares"] == {"happiness": 1.0}
    (alone,) = second["tracks"]
    assert alone["shares"] == {"happiness": 1.0}


def test_photos_and_errors_have_no_track() -> None:
    follower = Follower()
    assert follower.see(Origin(Path("a.jpg")), FACES) == []
    refused = ImageError("corrupt", "a.mp4", "a.mp4: damaged.")
    assert follower.see(Origin(Path("a.mp4"), 3, None), refused) == []


def test_each_video_has_tracks_of_its_own_and_what_was_done_is_gone_on_with() -> None:
    def entries(follower: Follower, first: int, last: int, video: int) -> list[Entry]:
        done = []
        for number in range(first, last):
            origin = Origin(Path("a.mp4"), number, number / 10, video)
            found = follower.see(origin, FACES)
            assert [sum(one.smoothed.values()) for one in found] == pytest.approx([1, 1])
            seen = [one.seen for one in found]
            done.append(Entry(None, [], [], video, number, number / 10, seen))
        return done

    whole = Follower()
    expected = entries(whole, 0, 30, 0) + entries(whole, 0, 40, 1)
    assert {one.track for entry in expected for one in entry.seen} == {0, 1}
    again = Follower()
    for entry in expected[:60]:
        again.replay(entry)
    place, count = again.forgotten
    assert (place, count) == (Place(1, 28), 1)  # the last frame shows both
    again.remember([FACES])
    assert again.forgotten == (None, 0)
    assert entries(again, 30, 40, 1) == expected[60:]
