"""What several commands' tests start from."""

from pathlib import Path

import pytest
from PIL import Image

from helpers import drawn_face


@pytest.fixture
def three_photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(drawn_face(seed=number)[0]).save(folder / f"{number}.png")
    return folder
