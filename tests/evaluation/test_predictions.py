import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from latent_ofer.errors import DataError
from latent_ofer.evaluation.prediction_cache import PredictionCache, cache_key, predict_missing
from latent_ofer.evaluation.predictions import MISSING, Pixels, Predictions
from latent_ofer.labels import EXPRESSIONS, SEVEN

IDS = [f"set/{row}.png" for row in range(10)]
KEY = {"recogniser": "counting", "digest": "abc", "data": "d1", "seed": 7}


@dataclass
class Counting:
    """Answers with the level of the picture, and remembers what it was asked."""

    name: str = "counting"
    digest: str = "abc"
    batch_size: int = 4
    reads_pictures: bool = True
    asked: list[str] = field(default_factory=list)
    fails_after: int = 1000

    def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
        if len(self.asked) + len(ids) > self.fails_after:
            raise KeyboardInterrupt
        self.asked += ids
        rows = np.full((len(ids), 8), 0.05)
        rows[np.arange(len(ids)), pictures[:, 0, 0, 0] % 8] = 0.65
        return Predictions.from_probabilities(self.name, ids, rows)


class Lazy:
    """Pictures that count how often they are read."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __getitem__(self, row: int) -> Pixels:
        self.read.append(row)
        return np.full((112, 112, 3), row, dtype=np.uint8)


def test_predictions_come_back_exactly_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    recogniser, pictures = Counting(), Lazy()
    first = predict_missing(PredictionCache(tmp_path, KEY), IDS, pictures, recogniser)
    assert first.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    again = predict_missing(PredictionCache(tmp_path, KEY), IDS[::-1], pictures, recogniser)
    assert recogniser.asked == IDS
    assert pictures.read == list(range(10))
    assert again.recogniser == "counting"
    assert again.ids == IDS[::-1]
    assert first.probabilities is not None and again.probabilities is not None
    np.testing.assert_array_equal(again.probabilities, first.probabilities[::-1])


def test_a_larger_limit_goes_on_where_the_smaller_one_ended(tmp_path: Path) -> None:
    recogniser = Counting()
    predict_missing(PredictionCache(tmp_path, KEY), IDS[3:6], Lazy(), recogniser)
    predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), recogniser, batch_size=2)
    assert recogniser.asked == [*IDS[3:6], *IDS[:3], *IDS[6:]]


def test_what_was_answered_before_a_stop_is_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), Counting(fails_after=8))
    recogniser = Counting()
    found = predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), recogniser)
    assert recogniser.asked == IDS[8:]
    assert found.labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from latent_ofer.evaluation.prediction_cache import PredictionCache
from latent_ofer.evaluation.predictions import Predictions
cache = PredictionCache(Path(sys.argv[1]), {"recogniser": "counting", "digest": "abc", "data": "d1",
                                            "seed": 7})
cache.add(Predictions.from_probabilities("x", ["set/0.png", "set/1.png"], np.eye(8)[:2]))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_a_sound_folder(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    (shard,) = tmp_path.iterdir()
    with shard.open("ab") as stream:
        stream.write(b'{"id": "set/2.png", "label": "surp')
    recogniser = Counting()
    found = predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), recogniser)
    assert recogniser.asked == IDS[2:]
    assert found.labels[:3].tolist() == [0, 1, 2]
    assert len(PredictionCache(tmp_path, KEY).ids) == 10


def test_two_at_once_in_one_folder_do_no_harm(tmp_path: Path) -> None:
    one, other = PredictionCache(tmp_path, KEY), PredictionCache(tmp_path, KEY)
    predict_missing(one, IDS[:6], Lazy(), Counting())
    predict_missing(other, IDS, Lazy(), Counting())
    predict_missing(one, IDS[:8], Lazy(), Counting())
    assert len(list(tmp_path.iterdir())) == 2
    together = PredictionCache(tmp_path, KEY)
    assert sorted(together.ids) == IDS
    assert together.predictions(IDS).labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]


@pytest.mark.parametrize(
    ("entry", "value"), [("digest", "def"), ("seed", 8), ("condition", "objects")]
)
def test_another_key_is_refused_and_the_entry_named(
    tmp_path: Path, entry: str, value: object
) -> None:
    predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), Counting())
    was = KEY.get(entry)
    with pytest.raises(DataError) as refused:
        PredictionCache(tmp_path, KEY | {entry: value})
    message = str(refused.value)
    assert f"{entry} was {json.dumps(was)} and is now {json.dumps(value)}" in message
    assert message.count(" was ") == 1
    assert "\n" not in message


def test_processes_with_other_keys_that_began_together_are_found_out(tmp_path: Path) -> None:
    one, other = PredictionCache(tmp_path, KEY), PredictionCache(tmp_path, KEY | {"seed": 8})
    predict_missing(one, IDS, Lazy(), Counting())
    predict_missing(other, IDS, Lazy(), Counting())
    with pytest.raises(DataError, match="seed was"):
        PredictionCache.open(tmp_path)


def test_the_key_of_a_folder_need_not_be_known_to_read_it(tmp_path: Path) -> None:
    predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), Counting())
    cache = PredictionCache.open(tmp_path)
    assert (cache.key, cache.ids) == (KEY, IDS)
    with pytest.raises(DataError, match="no predictions"):
        PredictionCache.open(tmp_path / "elsewhere")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    predict_missing(PredictionCache(tmp_path, KEY), IDS, Lazy(), Counting())
    (shard,) = tmp_path.iterdir()
    lines = shard.read_text().splitlines()
    for broken in ("{", "[]", '{"label": "anger"}', '{"id": "a", "label": "rage"}'):
        shard.write_text("\n".join([*lines[:3], broken, ""]))
        with pytest.raises(DataError, match=r"jsonl:4: damaged"):
            PredictionCache(tmp_path, KEY)


def test_labels_alone_seven_classes_and_missing_answers_are_kept_as_such(tmp_path: Path) -> None:
    bare = PredictionCache(tmp_path / "bare", KEY)
    bare.add(Predictions("x", IDS[:2], np.array([3, MISSING]), None))
    found = PredictionCache.open(tmp_path / "bare").predictions(IDS[:2])
    assert (found.labels.tolist(), found.probabilities) == ([3, MISSING], None)
    rows = np.array([[0.5, 0.5, *[0.0] * 6], [np.nan] * 8])
    seven = PredictionCache(tmp_path / "seven", KEY)
    seven.add(Predictions("x", IDS[:2], np.array([0, MISSING]), rows, SEVEN))
    found = PredictionCache.open(tmp_path / "seven").predictions(IDS[:2])
    assert found.knows == SEVEN
    np.testing.assert_array_equal(found.probabilities, rows)
    with pytest.raises(DataError, match="1 faces not predicted yet"):
        seven.predictions(IDS[:3])


def test_a_recogniser_that_reads_no_pictures_is_asked_for_all_faces_at_once(tmp_path: Path) -> None:
    class Blind(Counting):
        def __call__(self, pictures: Pixels, ids: Sequence[str]) -> Predictions:
            self.asked += ids
            return Predictions(self.name, list(ids), np.zeros(len(ids), dtype=np.int64), None)

    pictures, recogniser = Lazy(), Blind(reads_pictures=False)
    predict_missing(PredictionCache(tmp_path, KEY), IDS[:5], pictures, recogniser)
    predict_missing(PredictionCache(tmp_path, KEY), IDS, pictures, recogniser)
    assert pictures.read == []
    assert recogniser.asked == [*IDS[:5], *IDS]


def test_two_ids_alike_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="alike"):
        predict_missing(PredictionCache(tmp_path, KEY), ["a", "a"], Lazy(), Counting())


def test_the_key_names_the_recogniser_the_data_and_the_settings() -> None:
    assert cache_key(Counting(), "d1", seed=7) == KEY


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((2, 8)), r"row 0 sums to 8, not 1; give probabilities, not logits"),
        (np.ones((2, 5)) / 5, r"shape \(2, 5\), not \(n, 8\) or \(n, 7\)"),
        (np.array([[1.0, *[0] * 7], [2.0, -1.0, *[0] * 6]]), "row 1 has a negative"),
        (np.array([[np.nan] * 8] * 2), "row 0 has a negative or non-finite"),
        (np.eye(8), "8 rows of probabilities for 2 faces"),
    ],
)
def test_what_are_no_probabilities_is_refused(rows: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Predictions.from_probabilities("model", ["a", "b"], rows)


def test_seven_probabilities_are_those_without_contempt_and_rounding_is_made_up_for() -> None:
    rows = np.array([[0.333, 0.333, 0.333, 0, 0, 0, 0]])
    found = Predictions.from_probabilities("model", ["a"], rows)
    assert found.knows == EXPRESSIONS[:7]
    assert found.probabilities is not None
    assert found.probabilities.tolist()[0] == pytest.approx([1 / 3] * 3 + [0] * 5)
    assert found.labels.tolist() == [0]


def test_a_failed_write_does_not_spoil_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = PredictionCache(tmp_path, KEY)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            predict_missing(cache, IDS, Lazy(), Counting())
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(shard.read_bytes()[:-20])
    predict_missing(cache, IDS, Lazy(), Counting())
    assert sorted(PredictionCache(tmp_path, KEY).ids) == IDS
