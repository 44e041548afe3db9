"""Prepared faces in a folder: made once, by one process at a time, and gone on with when killed.

``images.raw`` holds the faces that could be made, ``dev.raw`` those of them that are dev,
``records.raw`` one record for each sample. They only grow while they are made, in a folder that
gets its name at the end.
"""

import json
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from latent_ofer.datasets.cache import NoRoomError, written_to
from latent_ofer.datasets.dev_split import in_dev
from latent_ofer.datasets.listing import Sample
from latent_ofer.datasets.main_face import MainFace, MainFaces
from latent_ofer.errors import ImageError
from latent_ofer.files import to_disk, write_text
from latent_ofer.locks import alone
from latent_ofer.progress import track
from latent_ofer.workers import mapped

KEPT: Final = (b"as_is", b"aligned", b"squared")
RECORD: Final = np.dtype(
    [("how", "S24"), ("colour", "?"), ("dev", "?"), ("landmarks", "<f8", (5, 2)), ("crc", "<u4")]
)
"""How a sample's face was made or why there is none; colour; kept for dev; pixels; CRC-32 of the
face."""
FILES: Final = ("images.raw", "dev.raw")
"""Of the faces: in which one a face stands is its record's ``dev``."""


@dataclass(frozen=True)
class Prepared:
    """What became of a set's samples, of all splits together.

    Attributes
    ----------
    name : str
        Of the set.
    listed, kept : int
        Samples, and those with a face.
    squared : int
        Crops without a face found, kept with the template's landmarks.
    left_out : mapping of str to int
        ``no_face`` or the code of an ImageError -> samples.
    examples : mapping of str to str
        The same keys -> the first such picture.
    """

    name: str
    listed: int
    kept: int
    squared: int
    left_out: Mapping[str, int]
    examples: Mapping[str, str]

    def __str__(self) -> str:
        line = f"{self.name}: {self.kept:,} of {self.listed:,} faces ready"
        reasons = [
            f"{count:,} {code.replace('_', ' ')}, such as {self.examples[code]}"
            for code, count in self.left_out.items()
        ]
        if reasons:
            line += f"; {self.listed - self.kept:,} left out ({'; '.join(reasons)})"
        if self.squared:
            line += f"; in {self.squared:,} crops no face was found, they are only squared"
        return line + "."


@dataclass(frozen=True)
class FaceCache:
    """Faces of all samples of a set.

    Attributes
    ----------
    name : str
        Of the set.
    folder : Path
        Named after the content; there only when complete.
    samples : sequence of Sample
        In the order of the cache.
    training : int
        So many of them, the first, are training faces, some of which become dev.
    shape : tuple of int
        (112, 112, 3) or (48, 48).
    maker : MainFaces
    """

    name: str
    folder: Path
    samples: Sequence[Sample]
    training: int
    shape: tuple[int, ...]
    maker: MainFaces

    def records(self) -> NDArray[np.void]:
        """(n,) `RECORD`, one a sample."""
        return np.fromfile(self.folder / "records.raw", dtype=RECORD)

    def images(self, dev: bool) -> NDArray[np.uint8]:
        """(m, *shape), memory-mapped: the faces of the m samples `KEPT` for dev, or not for it."""
        path = self.folder / FILES[dev]
        if not path.stat().st_size:  # an empty file cannot be mapped
            return np.empty((0, *self.shape), dtype=np.uint8)
        return np.memmap(path, dtype=np.uint8, mode="r").reshape(-1, *self.shape)

    def summary(self) -> Prepared:
        """What became of the samples."""
        return Prepared(**json.loads((self.folder / "summary.json").read_bytes()))

    def ensure(self, workers: int) -> None:
        """Make the faces unless they are there.

        Raises
        ------
        DataError
            When the folder cannot be written, the disk is full, or a worker dies.
        """
        lock = self._beside("lock")
        if self.folder.exists():
            return
        with written_to(lock.parent, 0), alone(lock, f"preparing the faces of {self.name}"):
            if self.folder.exists():
                return
            partial = self._beside("partial")
            try:
                done = self._recovered(partial)
                size = (len(self.samples) - done) * self._face_bytes
                with written_to(partial, size):
                    self._grow(partial, done, workers)
            except NoRoomError:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            os.replace(partial, self.folder)

    @property
    def _face_bytes(self) -> int:
        return int(np.prod(self.shape))

    def _beside(self, ending: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}.{ending}")

    def _grow(self, folder: Path, done: int, workers: int) -> None:
        """Prepare the samples from `done` on, and say what became of all."""
        left = self.samples[done:]
        with (
            ExitStack() as opened,
            (folder / "records.raw").open("ab") as records,
            closing(mapped(self.maker.of, left, workers)) as faces,
        ):
            files = [opened.enter_context((folder / name).open("ab")) for name in FILES]
            for row, face in enumerate(track(faces, len(left), f"preparing {self.name}"), done):
                record = self._record(row, face)
                if isinstance(face, MainFace) and face.image is not None:
                    files[int(record["dev"][0])].write(face.image.data)
                records.write(record.tobytes())
            for stream in (*files, records):
                to_disk(stream)
        write_text(folder / "summary.json", json.dumps(asdict(self._counted(folder)), indent=1))

    def _record(self, row: int, face: MainFace | ImageError) -> NDArray[np.void]:
        record = np.zeros(1, dtype=RECORD)
        if isinstance(face, ImageError):
            record["how"] = face.code
            return record
        record["how"] = face.how
        record["landmarks"] = face.landmarks
        if face.image is not None:
            record["colour"] = face.image.ndim == 3 and (face.image != face.image[..., :1]).any()
            record["crc"] = zlib.crc32(face.image.data)
            subject = self.samples[row].subject
            record["dev"] = row < self.training and in_dev(subject, face.image)
        return record

    def _recovered(self, folder: Path) -> int:
        """How many samples an earlier run has left ready; cuts off what it left half."""
        records, *files = (folder / name for name in ("records.raw", *FILES))
        if not all(path.exists() for path in (records, *files)):
            shutil.rmtree(folder, ignore_errors=True)
            return 0
        found = np.fromfile(records, dtype=RECORD)
        kept = np.isin(found["how"], KEPT)
        whole = 0
        with ExitStack() as opened:
            streams = [opened.enter_context(path.open("rb")) for path in files]
            for record, is_kept in zip(found, kept, strict=True):
                stream = streams[int(record["dev"])]
                if is_kept and zlib.crc32(stream.read(self._face_bytes)) != record["crc"]:
                    break
                whole += 1
        os.truncate(records, whole * RECORD.itemsize)
        for dev, path in enumerate(files):
            count = int((kept[:whole] & (found["dev"][:whole] == dev)).sum())
            os.truncate(path, count * self._face_bytes)
        return whole

    def _counted(self, folder: Path) -> Prepared:
        how = [value.decode() for value in np.fromfile(folder / "records.raw", dtype=RECORD)["how"]]
        counts = Counter(how)
        kept = {name.decode() for name in KEPT}
        left_out = {name: count for name, count in counts.items() if name not in kept}
        return Prepared(
            self.name,
            len(how),
            len(how) - sum(left_out.values()),
            counts["squared"],
            left_out,
            {name: self.samples[how.index(name)].path for name in left_out},
        )
