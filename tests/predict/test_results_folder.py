"""Rows and figures of a run take the place of an earlier run's, or stand beside them."""

from pathlib import Path

import pytest
from PIL import Image

from latent_ofer.figure import save_figure
from latent_ofer.predict.results_folder import results_in

PICTURE = Image.new("RGB", (8, 8))


def run(folder: Path, images: int, end: BaseException | None = None) -> None:
    with results_in(folder) as results:
        for image in range(images):
            figure = results.add_figure(image, 0, PICTURE)
            results.add_rows([{"image": image, "figure": figure}])
        if end is not None:
            raise end


def there(folder: Path) -> dict[str, str]:
    """Every file by its path, with the text of those that are none of ours."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): "" if path.suffix == ".png" else path.read_text()
        for path in files
    }


ROW = '{"image": 0, "figure": "figures/00000-0.png"}\n'
SECOND = '{"image": 1, "figure": "figures/00001-0.png"}\n'


def test_a_run_replaces_rows_and_figures_of_the_one_before_and_nothing_else(
    tmp_path: Path,
) -> None:
    run(tmp_path, 2)
    (tmp_path / "figures" / "mine.png").touch()
    PICTURE.save(tmp_path / "figures" / "00001-7.png")
    save_figure(PICTURE, tmp_path / "figures" / "kept.png")
    run(tmp_path, 1)
    mine = dict.fromkeys(["figures/00001-7.png", "figures/kept.png", "figures/mine.png"], "")
    assert there(tmp_path) == {"figures/00000-0.png": "", **mine, "results.jsonl": ROW}
    run(tmp_path / "other", 1)
    run(tmp_path / "other", 0)
    assert there(tmp_path / "other") == {"results.jsonl": ""}
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["results.jsonl"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit()])
def test_what_is_done_when_told_to_stop_replaces_the_earlier_results(
    stop: BaseException, tmp_path: Path
) -> None:
    run(tmp_path, 2)
    with pytest.raises(type(stop)):
        run(tmp_path, 0, stop)
    assert there(tmp_path)["results.jsonl"] == ROW + SECOND
    assert len(there(tmp_path)) == 3
    with pytest.raises(type(stop)):
        run(tmp_path, 1, stop)
    assert there(tmp_path) == {"figures/00000-0.png": "", "results.jsonl": ROW}


def test_a_failure_leaves_what_is_done_beside_the_earlier_results(tmp_path: Path) -> None:
    run(tmp_path, 2)
    before = there(tmp_path)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, 0, ZeroDivisionError())
    assert there(tmp_path) == before
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, 1, ZeroDivisionError())
    beside = {"results.jsonl.part": ROW, "figures.part/00000-0.png": ""}
    assert there(tmp_path) == {**before, **beside}
    run(tmp_path, 1)
    assert there(tmp_path) == {"figures/00000-0.png": "", "results.jsonl": ROW}
