"""Rows and figures of a run take the place of an earlier run's, whenever they are whole."""

from pathlib import Path

import pytest
from PIL import Image

from latent_ofer.figure import save_figure
from latent_ofer.predict.results_folder import ResultsFolder

PICTURE = Image.new("RGB", (8, 8))
ROWS = [{"image": n, "figure": f"figures/{n:05d}-0.png"} for n in range(2)]
FIRST, SECOND = (f'{{"image": {n}, "figure": "figures/{n:05d}-0.png"}}\n' for n in range(2))


def publish(folder: Path, images: int, finish: bool = True) -> None:
    results = ResultsFolder.of(folder)
    folder.mkdir(exist_ok=True)
    for image in range(images):
        assert results.add_figure(image, 0, PICTURE) == ROWS[image]["figure"]
    results.publish({}, ROWS[:images])
    if finish:
        results.forget()


def there(folder: Path) -> dict[str, str]:
    """Every file by its path, with the text of those that are none of ours."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): "" if path.suffix == ".png" else path.read_text()
        for path in files
    }


def test_a_run_replaces_rows_and_figures_of_the_one_before_and_nothing_else(
    tmp_path: Path,
) -> None:
    publish(tmp_path, 2)
    (tmp_path / "figures" / "mine.png").touch()
    PICTURE.save(tmp_path / "figures" / "00001-7.png")
    save_figure(PICTURE, tmp_path / "figures" / "kept.png")
    publish(tmp_path, 1)
    mine = dict.fromkeys(["figures/00001-7.png", "figures/kept.png", "figures/mine.png"], "")
    assert there(tmp_path) == {"figures/00000-0.png": "", **mine, "results.jsonl": FIRST}
    publish(tmp_path / "other", 1)
    publish(tmp_path / "other", 0)
    assert there(tmp_path / "other") == {"results.jsonl": ""}
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["results.jsonl"]


def test_what_was_published_before_its_end_goes_on(tmp_path: Path) -> None:
    publish(tmp_path, 1, finish=False)
    (tmp_path / "figures.part" / ".0123456789abcdef.png").touch()  # killed while it was written
    half = there(tmp_path)
    assert half["results.jsonl"] == FIRST and "figures/00000-0.png" in half
    results = ResultsFolder.of(tmp_path)
    results.add_figure(1, 0, PICTURE)
    results.publish({}, ROWS)
    results.forget()
    figures = {f"figures/0000{n}-0.png": "" for n in range(2)}
    assert there(tmp_path) == {**figures, "results.jsonl": FIRST + SECOND}
    assert not results.drawn.exists()


def test_where_files_cannot_have_two_names_figures_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuse)
    publish(tmp_path, 1)
    assert there(tmp_path) == {"figures/00000-0.png": "", "results.jsonl": FIRST}


def test_the_place_is_a_folder_or_a_file_by_its_ending(tmp_path: Path) -> None:
    def place(name: str, form: str | None = None) -> tuple[str, str]:
        results = ResultsFolder.of(tmp_path / name, form)  # type: ignore[arg-type]
        return results.table.relative_to(tmp_path).as_posix(), results.form

    (tmp_path / "folder.csv").mkdir()
    assert place("out") == ("out/results.jsonl", "jsonl")
    assert place("out.v2", "csv") == ("out.v2/results.csv", "csv")
    assert place("folder.csv") == ("folder.csv/results.jsonl", "jsonl")
    assert place("faces.CSV") == ("faces.CSV", "csv")
    assert place("faces.parquet", "parquet") == ("faces.parquet", "parquet")
    with pytest.raises(ValueError, match="its name says csv, --format says jsonl"):
        place("faces.csv", "jsonl")
    results = ResultsFolder.of(tmp_path / "faces.csv")
    assert results.journal.name == "faces.unfinished.jsonl"
    assert (results.figures.name, results.drawn.name) == ("faces-figures", "faces-figures.part")
