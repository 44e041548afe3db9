import json
from pathlib import Path

import pytest
from PIL import Image

from fakes import FakeFinder, fake_model
from latent_ofer import LatentOFER
from latent_ofer.cli.main import main
from latent_ofer.images.find import FaceFinder


class CountingFinder(FakeFinder):
    """The real finder, counting the faces that it found."""

    def __init__(self) -> None:
        self.real = FaceFinder(1)
        self.counts: list[int] = []

    def find(self, image):
        found = self.real.find(image)
        self.counts.append(len(found))
        return found


def test_the_demo_finds_the_one_face_with_and_without_its_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finder = CountingFinder()
    model, _ = fake_model(finder)
    monkeypatch.setattr(LatentOFER, "from_pretrained", lambda *_, **__: model)
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--output", str(tmp_path / "out")])
    assert ended.value.code == 0
    assert finder.counts == [1, 1]
    text = (tmp_path / "out" / "result.json").read_text()
    assert len(text.splitlines()) < 250
    result = json.loads(text)
    assert len(result["attention"]) == len(result["attention"][0]) == 14
    assert result["covered_pixels"] > 500
    assert sum(result["probabilities"].values()) == pytest.approx(1)
    assert result["without_object"]["probabilities"] != result["before"]["probabilities"]
    with Image.open(tmp_path / "out" / "figure.png") as figure:
        assert figure.width == 1600
    printed = capsys.readouterr().out
    assert "After repair:" in printed
    assert "Of each region:" in printed
    assert len(result["occlusion"]["regions"]) == 8
    assert str(tmp_path / "out" / "figure.png") in printed
