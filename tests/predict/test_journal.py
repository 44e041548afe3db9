"""A run goes on where an earlier one was cut short, and never mixes with another."""

from dataclasses import replace
from pathlib import Path

import pytest

from latent_ofer.predict.journal import Entry, Journal, Run, Seen, UnfinishedError, differences

RUN = Run(
    {"weights": "abc", "labels": 8}, [("a.jpg", 5, 1), ("b.jpg", 6, 2), ("c.jpg", None, None)]
)
ENTRIES = [
    Entry(None, ["fear", "anger"], [{"file": "a.jpg", "face": 0}, {"file": "a.jpg", "face": 1}]),
    Entry("empty", [], [{"file": "b.jpg"}]),
]


def written(path: Path) -> bytes:
    journal = Journal.open(path, RUN)
    for entry in ENTRIES:
        journal.add(entry)
    journal.close()
    return path.read_bytes()


def test_cut_anywhere_it_goes_on_behind_the_last_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)  # five hundred times, on a busy disk
    whole = written(tmp_path / "j")
    header, first, second = whole.splitlines(keepends=True)
    for end in range(len(whole) + 1):
        (tmp_path / "j").write_bytes(whole[:end])
        journal = Journal.open(tmp_path / "j", RUN)
        done = (end >= len(header + first)) + (end == len(whole))
        assert journal.found == done, end
        for entry in ENTRIES[done:]:
            journal.add(entry)
        journal.close()
        assert (tmp_path / "j").read_bytes() == whole
        assert list(journal.entries()) == ENTRIES


def test_what_is_seen_in_a_frame_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    seen = (Seen(1, (0.1, 1 / 3, 5, 7), 0.9, {"fear": 2 / 3}),)
    frame = Entry(None, ["fear"], [{}], 2, 7, 0.28, seen)
    journal = Journal.open(tmp_path / "j", RUN)
    journal.add(frame)
    assert list(journal.entries()) == [frame]
    journal.close()


def test_zeroes_that_a_machine_left_when_it_stopped_are_dropped(tmp_path: Path) -> None:
    whole = written(tmp_path / "j")
    (tmp_path / "j").write_bytes(whole + bytes(100) + b"\n" + bytes(10))
    journal = Journal.open(tmp_path / "j", RUN)
    assert journal.found == 2
    journal.close()
    assert (tmp_path / "j").read_bytes() == whole


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (replace(RUN, settings={**RUN.settings, "labels": 7}), "labels 8 then, 7 now"),
        (replace(RUN, settings={**RUN.settings, "weights": "d"}), "weights 'abc' then, 'd' now"),
        (replace(RUN, inputs=[*RUN.inputs, ("n.jpg", 1, 1)]), "inputs: 1 new, such as n.jpg"),
        (replace(RUN, inputs=RUN.inputs[1:]), "inputs: 1 gone, such as a.jpg"),
        (replace(RUN, inputs=RUN.inputs[::-1]), "inputs: the same in another order"),
        (
            replace(RUN, inputs=[("a.jpg", 5, 9), *RUN.inputs[1:]]),
            "inputs: 1 altered, such as a.jpg",
        ),
    ],
)
def test_what_is_of_other_inputs_weights_or_settings_is_refused_and_kept(
    other: Run, told: str, tmp_path: Path
) -> None:
    whole = written(tmp_path / "j")
    with pytest.raises(UnfinishedError) as caught:
        Journal.open(tmp_path / "j", other)
    assert told in str(caught.value) and "--restart" in str(caught.value)
    assert (tmp_path / "j").read_bytes() == whole
    journal = Journal.open(tmp_path / "j", other, restart=True)
    assert journal.found == 0
    journal.close()
    assert list(journal.entries()) == []


def test_inputs_that_are_named_twice_are_compared_in_order() -> None:
    twice = replace(RUN, inputs=[*RUN.inputs, RUN.inputs[0]])
    assert differences(twice, twice) == []
    assert differences(RUN, twice) == ["inputs: named more or less often"]


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "j").write_text('{"mine": 1}\n')
    with pytest.raises(UnfinishedError, match="no record of a run"):
        Journal.open(tmp_path / "j", RUN)
    assert (tmp_path / "j").read_text() == '{"mine": 1}\n'
