"""A camera shows what is there now, and ends when it is told to, or says why."""

import itertools
import threading
import time

import pytest

from cameras import FakeCamera, at_25_a_second
from latent_ofer.errors import DataError, ImageError
from latent_ofer.images import camera
from latent_ofer.images.camera import Camera
from latent_ofer.images.video import Choice
from videos import plain


@pytest.fixture
def let(monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Lets a camera of 20 pictures give so many."""
    let = threading.Semaphore(0)
    one = FakeCamera(plain(20), let.acquire)
    monkeypatch.setattr(camera, "opened", lambda _: one)
    return let


def seen_of(shown: Camera) -> int | None:
    return None if shown._newest is None else shown._newest[0]


def wait_until_seen(shown: Camera, number: int) -> None:
    while seen_of(shown) != number:
        time.sleep(0.001)


def test_the_newest_frame_is_given_and_those_that_nobody_asked_for_are_not(
    let: threading.Semaphore,
) -> None:
    shown = Camera("0", Choice())
    frames = iter(shown)
    let.release()
    first = next(frames)
    let.release(5)
    wait_until_seen(shown, 5)
    then = next(frames)
    assert (first.number, then.number) == (0, 5)
    assert first.time == 0 < then.time
    for frame in (first, then):
        assert frame.pixels is not None and frame.pixels.shape == (48, 64, 3)
        assert abs(frame.pixels.mean() - 8 * frame.number) < 4
    shown.close()
    assert list(frames) == []


def test_every_nth_frame_is_waited_for(let: threading.Semaphore) -> None:
    shown = Camera("0", Choice(every=4))
    frames = iter(shown)
    let.release(4)
    assert next(frames).number in range(4)
    threading.Timer(0.05, let.release, [3]).start()
    assert next(frames).number in range(4, 8)


def test_who_waits_for_a_frame_is_not_left_waiting_when_it_is_closed(
    let: threading.Semaphore,
) -> None:
    shown = Camera("0", Choice())
    threading.Timer(0.05, shown.close).start()
    assert list(shown) == []


def test_it_ends_after_so_many_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = at_25_a_second(itertools.cycle(plain(20)))
    monkeypatch.setattr(camera, "opened", lambda _: endless)
    shown = Camera("0", Choice(per_second=10), 0.5)
    assert shown.expected == 5
    frames = list(shown)
    assert 1 <= len(frames) <= 5 and frames[-1].time < 0.5
    assert endless.closed


def test_a_camera_that_is_pulled_out_says_so(let: threading.Semaphore) -> None:
    let.release(20)
    with pytest.raises(ImageError, match="camera:0: the camera gives no more frames") as caught:
        list(Camera("0", Choice()))
    assert caught.value.code == "truncated"


def test_one_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="camera /no/such/camera: cannot be opened"):
        Camera("/no/such/camera", Choice())
    monkeypatch.setattr(camera, "can_read_video", lambda: False)
    with pytest.raises(DataError, match=r"pip install 'latent-ofer\[video\]'"):
        Camera("0", Choice())
    monkeypatch.setattr("sys.platform", "plan9")
    with pytest.raises(DataError, match="not known how on plan9"):
        Camera("0", Choice())
