"""What a stage is trained on: the archives, or sets by name and path."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archives import write_archives
from latent_ofer.datasets.archives import read_ferplus
from latent_ofer.datasets.dev_split import in_dev
from latent_ofer.datasets.sources import NamedSet, Sources
from latent_ofer.errors import DataError
from latent_ofer.files import file_sha256
from layouts_b import put_picture, write_class_folders


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("archived")
    return Sources(write_archives(folder / "data"), folder / "cache")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve happy faces, then twelve angry ones, for training; one of each to test."""
    counts = {"train/angry": 12, "train/happy": 12, "test/angry": 1, "test/happy": 1}
    return write_class_folders(tmp_path_factory.mktemp("folders"), counts)


@pytest.fixture(scope="module")
def named(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("named")
    return Sources(folder, folder / "cache", (NamedSet("folder", folders),))


def test_the_archives_follow_each_other_and_ferplus_alone_has_labels(archived: Sources) -> None:
    pool, labelled = archived.pool("train"), archived.labelled("train")
    ferplus = read_ferplus(archived.data, "train", archived.cache)
    assert [pool.native(row).source for row in (0, 9, 10)] == ["utkface", "utkface", "ferplus"]
    assert (pool.labels[:10] == -1).all() and not pool.targets[:10].any()
    assert np.array_equal(pool.labels[10:], ferplus.labels)
    shares = ferplus.targets
    assert np.array_equal(labelled.targets, shares[shares.sum(1) > 0])
    assert 0 < len(labelled) < len(ferplus)


def test_the_archives_hold_no_test_faces(archived: Sources) -> None:
    with pytest.raises(DataError, match="holds no face of split test"):
        archived.pool("test")


def test_a_stage_is_described_by_the_archives_that_it_needs(archived: Sources) -> None:
    wanted = {
        name: file_sha256(archived.data / name)
        for name in ("faces.zip", "ferplus.zip", "occluders.zip")
    }
    assert archived.digests("faces", "objects") == wanted
    # The order too: a run that is resumed compares the text.
    assert list(archived.digests("faces", "objects")) == list(wanted)
    assert list(archived.digests("labels", "objects")) == ["ferplus.zip", "occluders.zip"]


def test_cutouts_for_dev_are_kept_from_training(archived: Sources) -> None:
    assert [cutout.category for cutout in archived.cutouts("train")] == ["ball"]
    assert [cutout.category for cutout in archived.cutouts("dev")] == ["cup"]
    assert [cutout.category for cutout in archived.cutouts("val")] == ["hand"]


def put_thing(path: Path, tone: int) -> None:
    Image.new("RGBA", (20, 20), (tone, 200, 0, 255 - tone)).save(path)


def cutouts_of(folder: Path, count: int) -> Sources:
    (folder / "things").mkdir(parents=True)
    for number in range(count):
        put_thing(folder / "things" / f"{number:02}.png", number)
    return Sources(folder, folder / "cache", occluders=folder / "things")


def test_every_eighth_cutout_of_a_plain_folder_is_kept_for_dev(tmp_path: Path) -> None:
    sources = cutouts_of(tmp_path, 10)
    kept = [cutout.name for cutout in sources.cutouts("dev")]
    used = [cutout.name for cutout in sources.cutouts("train")]
    assert [Path(name).name for name in kept] == ["00.png", "08.png"]
    assert len(used) == 8 and not {*used} & {*kept}
    assert len(sources.cutouts("val")) == 10


def test_one_cutout_is_too_few_for_training_and_dev(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs cut-outs for training besides those for dev"):
        cutouts_of(tmp_path, 1).cutouts("train")


def test_a_folder_of_cutouts_is_described_by_names_and_contents(tmp_path: Path) -> None:
    first = cutouts_of(tmp_path / "a", 2).digests("objects")
    assert list(first) == ["things"]
    assert cutouts_of(tmp_path / "b", 2).digests("objects") == first
    assert cutouts_of(tmp_path / "c", 3).digests("objects") != first
    other = cutouts_of(tmp_path / "d", 2)
    put_thing(tmp_path / "d" / "things" / "01.png", 9)
    assert other.digests("objects") != first


def test_a_named_set_comes_with_its_labels_and_splits(named: Sources) -> None:
    train, dev, test = (named.pool(split) for split in ("train", "dev", "test"))  # type: ignore[arg-type]
    assert len(train) + len(dev) == 24 and len(test) == 2
    for pool, kept in ((train, False), (dev, True)):
        faces = [pool.native(row) for row in range(len(pool))]
        assert {in_dev("", face.image) for face in faces} == {kept}
        assert {face.source for face in faces} == {"folder"}
        angry = ["angry" in face.name for face in faces]
        assert (pool.labels == np.where(angry, 4, 1)).all()
        assert np.array_equal(pool.targets, np.eye(8, dtype=np.float32)[pool.labels])


def test_the_first_faces_of_named_sets_are_a_mixture_and_the_same_again(named: Sources) -> None:
    labels = named.pool("train").labels
    assert 2 < (labels[:10] == 1).sum() < 8
    assert np.array_equal(labels, named.pool("train").labels)


def test_named_sets_follow_their_content_and_not_their_place(
    named: Sources, folders: Path, tmp_path: Path
) -> None:
    first = named.digests("faces")
    assert list(first) == ["folder #1"] and named.digests("labels") == first
    copy = write_class_folders(
        tmp_path / "copy", {"train/angry": 12, "train/happy": 12, "test/angry": 1, "test/happy": 1}
    )
    cache = tmp_path / "cache"
    assert Sources(tmp_path, cache, (NamedSet("folder", copy),)).digests("faces") == first
    put_picture(copy / "train" / "happy" / "im3.jpg", seed=999)
    changed = Sources(tmp_path, cache, (NamedSet("folder", copy),)).digests("faces")
    assert changed != first
    both = Sources(tmp_path, cache, (NamedSet("folder", copy), NamedSet("folder", folders)))
    assert both.digests("faces") == {**changed, "folder #2": first["folder #1"]}
    assert len(both.pool("test")) == 4


def test_a_split_without_faces_is_one_clear_line(named: Sources, folders: Path) -> None:
    with pytest.raises(DataError, match=rf"folder={re.escape(str(folders))}: holds no face .*val"):
        named.pool("val")


def test_sets_without_labels_are_one_clear_line(tmp_path: Path) -> None:
    lines = ["path,label"]
    for number in range(12):
        put_picture(tmp_path / f"{number}.png", number)
        lines.append(f"{number}.png,")
    (tmp_path / "faces.csv").write_text("\n".join(lines) + "\n")
    table = NamedSet("table", tmp_path / "faces.csv")
    sources = Sources(tmp_path, tmp_path / "cache", (table,))
    with pytest.raises(DataError, match=r"table=.*: no .* face has a label\..*--set"):
        sources.labelled("test")


def test_each_set_says_how_many_faces_are_ready(named: Sources, archived: Sources) -> None:
    (line,) = named.summaries()
    assert line.startswith("folder: 26 of 26 faces ready")
    assert archived.summaries() == []
