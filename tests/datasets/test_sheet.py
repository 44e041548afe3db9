"""The contact sheet shows each class of each split, the same pictures for the same seed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from latent_ofer.datasets import sheet
from latent_ofer.datasets.listing import Listing, Sample, Split
from latent_ofer.datasets.sheet import TILE, contact_sheet
from latent_ofer.errors import DataError, ImageError


class Plain:
    """Pictures of one tone: the number in their name."""

    def read(self, path: str) -> np.ndarray:
        if path == "gone":
            raise ImageError("truncated", path, "cut")
        return np.full((40, 20), int(path), dtype=np.uint8)

    def exists(self, path: str) -> bool:
        return True


def listing(*samples: Sample) -> Listing:
    return Listing("drawn", Path("drawn"), Plain(), list(samples))


def tones(image: Image.Image) -> set[int]:
    """Tones that fill large parts of the sheet, paper and empty parts of tiles left out."""
    pixels = np.asarray(image).reshape(-1, 3)
    colours, count = np.unique(pixels, axis=0, return_counts=True)
    grey = colours[(count > TILE * TILE // 3) & (np.ptp(colours, axis=1) == 0)]
    return {int(tone) for tone in grey[:, 0]} - {255}


def sample(tone: int, label: int | None, split: Split = "train") -> Sample:
    return Sample(str(tone), split, label, str(label))


def test_every_class_and_split_is_there_with_at_most_so_many_pictures() -> None:
    samples = [sample(10, 0), sample(20, 0), sample(30, 0), sample(40, 3), sample(50, None, "test")]
    shown = tones(contact_sheet(listing(*samples), np.random.default_rng(0), per_class=2))
    assert {40, 50} <= shown
    assert len(shown & {10, 20, 30}) == 2


def test_one_split_only() -> None:
    both = listing(sample(10, 0), sample(50, 1, "test"))
    assert tones(contact_sheet(both, np.random.default_rng(0), split="test")) == {50}
    with pytest.raises(DataError, match="split val"):
        contact_sheet(both, np.random.default_rng(0), split="val")


def test_the_seed_chooses_the_pictures() -> None:
    many = listing(*(sample(tone, 0) for tone in range(1, 200)))
    one, same, other = (
        contact_sheet(many, np.random.default_rng(seed)).tobytes() for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_a_picture_that_cannot_be_read_leaves_its_place_grey() -> None:
    broken = listing(Sample("gone", "train", 0), sample(40, 1))
    assert tones(contact_sheet(broken, np.random.default_rng(0))) == {40}


def test_only_the_face_in_the_box_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((30, 60), dtype=np.uint8)
    picture[:, 30:] = 90
    monkeypatch.setattr(Plain, "read", lambda self, path: picture)
    boxed = Sample("0", "test", 0, box=(30, 0, 30, 30))
    assert tones(contact_sheet(listing(boxed), np.random.default_rng(0))) == {90}


def test_long_codes_are_cut_to_the_tile() -> None:
    caption = sheet._caption(Sample("0", "train", 0, "x" * 99, "someone"))
    assert caption.endswith("...")
    assert sheet._caption(Sample("0", "train", 0, "HA", "F01")) == "HA, F01"
