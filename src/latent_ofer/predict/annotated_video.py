"""Annotated frames as a video: they are kept one by one, and put together when the run is over."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simplejpeg import decode_jpeg

from latent_ofer.errors import LatentOFERError
from latent_ofer.figure import VIDEO_COMMENT
from latent_ofer.files import whole_file
from latent_ofer.predict.journal import Entry
from latent_ofer.predict.results_folder import ResultsFolder

if TYPE_CHECKING:
    from av.container.output import OutputContainer
    from av.video.stream import VideoStream

_TICK: Final = Fraction(1, 10_000)
"""Seconds; frames are shown when they are in the video that they are from, rates may vary."""

Shown = tuple[float, Path]
"""When a frame is shown, seconds, and its JPEG file."""


def write_videos(results: ResultsFolder, entries: Iterable[Entry]) -> None:
    """Make one video of the annotated frames of each, beside the figures of an unfinished run.

    Raises
    ------
    LatentOFERError
        If no video can be made of them.
    OSError
    """
    for number, frames in groupby(_frames(results, entries), key=lambda frame: frame[0]):
        _write(results.annotated_video(number), (shown for _, shown in frames))


def _frames(results: ResultsFolder, entries: Iterable[Entry]) -> Iterator[tuple[int, Shown]]:
    for image, entry in enumerate(entries):
        path = results.frame(image)
        if entry.time is not None and path.exists():
            yield entry.input, (entry.time, path)


def _write(path: Path, frames: Iterator[Shown]) -> None:
    import av

    try:
        with whole_file(path) as partial, av.open(partial, "w") as container:
            container.metadata["comment"] = VIDEO_COMMENT
            first = next(frames)
            height, width = decode_jpeg(first[1].read_bytes()).shape[:2]
            stream = _stream(container, width, height)
            for time, jpeg in chain([first], frames):
                pixels = decode_jpeg(jpeg.read_bytes())
                frame = av.VideoFrame.from_ndarray(pixels).reformat(stream.width, stream.height)
                frame.pts, frame.time_base = round(time / _TICK), _TICK
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.FFmpegError as problem:
        raise LatentOFERError(f"{path}: no video can be made: {problem}") from problem


def _stream(container: "OutputContainer", width: int, height: int) -> "VideoStream":
    import av
    from av.video.stream import VideoStream

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    stream = container.add_stream(codec, rate=25, options={"crf": "20"})
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width - width % 2, height - height % 2, "yuv420p"
    stream.codec_context.time_base = _TICK
    return stream
