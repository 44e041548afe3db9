"""The training loop on a tiny linear model."""

import json
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from latent_ofer.errors import StaleError, TrainingError
from latent_ofer.locks import InUseError, held
from latent_ofer.training import loop
from latent_ofer.training.batch import Drawn
from latent_ofer.training.checkpoint import load_state
from latent_ofer.training.how import How
from latent_ofer.training.job import Job
from latent_ofer.training.loop import epoch_rng, fit, schedule, shuffled, steps_in
from latent_ofer.training.recipe import Recipe

FACES, BATCH = 10, 3
QUIET, RESUMED = How(quiet=True), How(resume=True, quiet=True)


def recipe(**changes: object) -> Recipe:
    keys = {"epochs": 3, "batch_size": BATCH, "learning_rate": 0.05, "average": 0.5, "bf16": False}
    return Recipe(**{**keys, **changes})  # type: ignore[arg-type]


def die() -> None:
    """End as by a power cut: nothing is saved any more."""
    raise KeyboardInterrupt


def key_of(row: int) -> tuple[str, str]:
    return "set", f"{row}.png"


class Tiny:
    """A job that fits y = 2 x with noise; remembers the weights that each step began with."""

    def __init__(self, run: Path, recipe: Recipe, identity: str = "a") -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5), nn.Linear(4, 1))
        self.before: list[Tensor] = []
        self.stop_at: int | None = None
        self.stop: Callable[[], object] = die
        steps = steps_in(FACES, recipe)

        def batches(epoch: int, rng: np.random.Generator) -> Iterator[Drawn]:
            for rows in shuffled(FACES, recipe, rng):
                values = torch.from_numpy(rows + rng.normal(0, 0.1, len(rows))).float()[:, None]
                yield Drawn(rows, (values / 10,))

        self.job = Job(run, self.net, batches, steps, self.loss, self.dev, identity, key_of)

    def loss(self, net: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
        (batch,) = inputs
        if len(self.before) == self.stop_at:
            self.stop()
        self.before.append(net[0].weight.detach().clone())  # type: ignore[index]
        return (net(batch) - 2 * batch).square().mean(), {"one": 1.0}

    def dev(self, net: nn.Module) -> dict[str, float]:
        assert not net.training
        return {"weight": float(net[0].weight.sum())}  # type: ignore[index]


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_two_trainings_do_not_write_to_one_folder(tmp_path: Path) -> None:
    with held(tmp_path / "net", "a training of net"), pytest.raises(InUseError, match="a training"):
        fit(Tiny(tmp_path / "net", recipe()).job, recipe(), QUIET)


@pytest.mark.parametrize("stop_at", [3, 4, 8])
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(
    tmp_path: Path, stop_at: int
) -> None:
    unbroken = fit(Tiny(tmp_path / "one" / "net", recipe()).job, recipe(), QUIET)
    first = Tiny(tmp_path / "two" / "net", recipe())
    first.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        fit(first.job, recipe(), QUIET)
    second = Tiny(tmp_path / "two" / "net", recipe())
    resumed = fit(second.job, recipe(), RESUMED)
    assert same(resumed, unbroken)
    assert len(second.before) == 9 - 3 * (stop_at // 3)
    assert [line["epoch"] for line in log(tmp_path / "two" / "net")] == [0, 1, 2]
    assert not same(fit(Tiny(tmp_path / "x", recipe()).job, recipe(), QUIET), unbroken)


def log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("stop_at", [0, 4, 8])
def test_told_to_stop_it_ends_its_step_and_is_resumed_right_after(
    tmp_path: Path, number: signal.Signals, stop_at: int
) -> None:
    unbroken = fit(Tiny(tmp_path / "one" / "net", recipe()).job, recipe(), QUIET)
    first = Tiny(tmp_path / "two" / "net", recipe())
    first.stop_at, first.stop = stop_at, lambda: signal.raise_signal(number)
    told = []
    handled = _handled(number, lambda *_: told.append(len(first.before)))
    with handled, pytest.raises(TrainingError, match="--resume"):
        fit(first.job, recipe(), QUIET)
    assert told == [stop_at + 1]
    second = Tiny(tmp_path / "two" / "net", recipe())
    assert same(fit(second.job, recipe(), RESUMED), unbroken)
    assert len(second.before) == 9 - (stop_at + 1)
    assert [line["epoch"] for line in log(tmp_path / "two" / "net")] == [0, 1, 2]


@contextmanager
def _handled(number: int, handler: Callable[[int, object], object]) -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, recipe())
    tiny.stop_at, tiny.stop = 4, lambda: [signal.raise_signal(signal.SIGINT) for _ in range(2)]
    handled = _handled(signal.SIGINT, signal.default_int_handler)
    with handled, pytest.raises(KeyboardInterrupt):
        fit(tiny.job, recipe(), QUIET)
    assert len(tiny.before) == 4


@pytest.mark.parametrize("stop_at", [1, 4, 8])
def test_long_epochs_leave_checkpoints_on_their_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    unbroken = fit(Tiny(tmp_path / "one" / "net", recipe()).job, recipe(), QUIET)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)
    first = Tiny(tmp_path / "two" / "net", recipe())
    first.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        fit(first.job, recipe(), QUIET)
    second = Tiny(tmp_path / "two" / "net", recipe())
    assert same(fit(second.job, recipe(), RESUMED), unbroken)
    assert len(second.before) == 9 - stop_at
    alike, other = log(tmp_path / "one" / "net"), log(tmp_path / "two" / "net")
    assert [line["loss"] for line in alike] == [line["loss"] for line in other]


def test_a_finished_training_is_resumed_without_a_step(tmp_path: Path) -> None:
    average = fit(Tiny(tmp_path, recipe()).job, recipe(), QUIET)
    again = Tiny(tmp_path, recipe())
    assert same(fit(again.job, recipe(), RESUMED), average)
    assert again.before == []


def test_another_number_of_threads_is_said(tmp_path: Path) -> None:
    fit(Tiny(tmp_path, recipe()).job, recipe(), QUIET)
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(UserWarning, match=f"{threads} threads and resumed with {threads + 1}"):
            fit(Tiny(tmp_path, recipe()).job, recipe(), RESUMED)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nothing_is_learned_from_a_loss_that_is_no_number(tmp_path: Path, value: float) -> None:
    tiny = Tiny(tmp_path / "net", recipe())
    sound = tiny.loss

    def loss(net: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor, dict[str, float]]:
        found, figures = sound(net, inputs)
        return (found * value if len(tiny.before) == 5 else found), figures

    tiny.job.loss = loss
    with pytest.raises(TrainingError) as told:
        fit(tiny.job, recipe(), QUIET)
    assert f"net: the loss is {value} in step 2 of epoch 2, and nothing was" in str(told.value)
    rows = list(shuffled(FACES, recipe(), strange_epoch(tmp_path / "net")))[1]
    faces = [f"set/{row}.png" for row in rows]
    assert ", ".join(faces) in str(told.value)
    assert (tmp_path / "net" / "not-finite.txt").read_text().splitlines() == faces
    assert torch.equal(tiny.net[0].weight, tiny.before[-1])
    state = load_state(tmp_path / "net")
    assert state is not None and (state["epoch"], state["step"]) == (1, 0)


def strange_epoch(run: Path) -> np.random.Generator:
    """What the batches of the second epoch are drawn from."""
    rng = epoch_rng(recipe().seed, run, 1)
    rng.integers(2**31)  # the seed of dropout
    return rng


def test_killed_after_its_last_checkpoint_a_training_is_resumed_without_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Tiny(tmp_path / "one" / "net", recipe())
    average = fit(whole.job, recipe(), QUIET)
    first = Tiny(tmp_path / "two" / "net", recipe())
    kept = loop.save_state

    def last_breath(run: Path, state: dict[str, object]) -> None:
        kept(run, state)
        if state["epoch"] == 3:
            die()

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "save_state", last_breath)
        fit(first.job, recipe(), QUIET)
    (tmp_path / "two" / "net" / f".{'0' * 16}.pt").write_bytes(b"half a checkpoint")
    second = Tiny(tmp_path / "two" / "net", recipe())
    assert same(fit(second.job, recipe(), RESUMED), average)
    assert second.before == []
    assert [line["epoch"] for line in log(tmp_path / "two" / "net")] == [0, 1, 2]
    left = {path.name for path in (tmp_path / "two" / "net").iterdir()}
    assert left == {"state.pt", "log.jsonl"}


def test_a_checkpoint_from_before_batches_were_cut_is_resumed(tmp_path: Path) -> None:
    unbroken = fit(Tiny(tmp_path / "one" / "net", recipe()).job, recipe(), QUIET)
    first = Tiny(tmp_path / "two" / "net", recipe())
    first.stop_at = 4
    with pytest.raises(KeyboardInterrupt):
        fit(first.job, recipe(), QUIET)
    state = load_state(tmp_path / "two" / "net")
    assert state is not None and state.pop("parts") == 1
    loop.save_state(tmp_path / "two" / "net", state | {"rng": torch.get_rng_state()})
    second = Tiny(tmp_path / "two" / "net", recipe())
    assert same(fit(second.job, recipe(), RESUMED), unbroken)
    assert len(second.before) == 6


def test_a_checkpoint_of_another_job_is_not_resumed(tmp_path: Path) -> None:
    fit(Tiny(tmp_path, recipe()).job, recipe(), QUIET)
    other = Tiny(tmp_path, recipe(), identity="b")
    with pytest.raises(StaleError, match=r"state\.pt: .*without --resume"):
        fit(other.job, recipe(), RESUMED)
    assert other.before == []


def test_where_it_is_asked_for_a_checkpoint_of_another_job_is_left_alone(tmp_path: Path) -> None:
    fit(Tiny(tmp_path, recipe()).job, recipe(), QUIET)
    other = Tiny(tmp_path, recipe(), identity="b")
    fit(other.job, recipe(), replace(QUIET, resume="if same"))
    assert len(other.before) == 9
    assert [line["epoch"] for line in log(tmp_path)] == [0, 1, 2]
    again = Tiny(tmp_path, recipe(), identity="b")
    fit(again.job, recipe(), replace(QUIET, resume="if same"))
    assert again.before == []


def test_the_average_follows_the_slow_formula(tmp_path: Path) -> None:
    tiny = Tiny(tmp_path, recipe(average=0.3))
    average = fit(tiny.job, recipe(average=0.3), QUIET)["0.weight"]
    state = load_state(tmp_path)
    assert state is not None
    weights = [*tiny.before, state["model"]["0.weight"]]
    expected = weights[0]
    for step, value in enumerate(weights[1:], start=1):
        decay = min(0.3, step / (step + 10))
        expected = decay * expected + (1 - decay) * value
    assert torch.allclose(average, expected, atol=1e-6)
    assert not torch.allclose(average, weights[-1], atol=1e-6)
    assert log(tmp_path)[-1]["weight"] == pytest.approx(float(average.sum()), abs=1e-4)


def test_the_log_has_a_line_an_epoch_with_mean_figures(tmp_path: Path) -> None:
    fit(Tiny(tmp_path, recipe()).job, recipe(), QUIET)
    lines = log(tmp_path)
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert all(line["one"] == 1 and line["seconds"] >= 0 for line in lines)
    assert lines[2]["loss"] < lines[0]["loss"]


def test_norms_and_biases_do_not_decay(tmp_path: Path) -> None:
    net = nn.Linear(3, 2)
    nn.init.ones_(net.bias)
    before = net.weight.detach().clone()
    loss: Callable[[nn.Module, Tensor], tuple[Tensor, dict[str, float]]] = lambda net, _: (  # noqa: E731
        0.0 * net(torch.zeros(1, 3)).sum(),
        {},
    )
    one = Drawn(np.zeros(1, dtype=np.int64), (torch.zeros(1),))
    job = Job(tmp_path, net, lambda *_: [one], 1, loss, lambda _: {}, "", key_of)
    fit(job, recipe(weight_decay=0.5, epochs=1), QUIET)
    assert torch.equal(net.bias, torch.ones(2))
    assert (net.weight.abs() < before.abs()).all()


@given(count=st.integers(1, 50), size=st.integers(1, 12), limit=st.none() | st.integers(1, 60))
def test_an_epoch_takes_each_face_at_most_once_in_whole_batches(
    count: int, size: int, limit: int | None
) -> None:
    made = recipe(batch_size=size, epoch_images=limit)
    batches = list(shuffled(count, made, np.random.default_rng(0)))
    rows = np.concatenate(batches)
    drawn = min(count, limit or count)
    assert len(set(rows.tolist())) == len(rows) and set(rows.tolist()) <= set(range(count))
    assert {len(batch) for batch in batches} == {min(size, drawn)}
    assert len(batches) == steps_in(count, made) == drawn // min(size, drawn)


def test_without_a_limit_whole_batches_cover_every_face() -> None:
    batches = shuffled(12, recipe(batch_size=4), np.random.default_rng(0))
    assert sorted(np.concatenate(list(batches)).tolist()) == list(range(12))


def test_each_epoch_and_stage_draws_its_own_numbers_again_and_again() -> None:
    def drawn(seed: int, run: str, epoch: int) -> float:
        return epoch_rng(seed, Path(run), epoch).random()

    assert drawn(0, "a/mae", 1) == drawn(0, "elsewhere/mae", 1)
    assert len({drawn(0, "mae", 1), drawn(1, "mae", 1), drawn(0, "mae", 2), drawn(0, "b", 1)}) == 4


def test_the_learning_rate_rises_to_its_peak_and_falls_to_a_hundredth() -> None:
    made = recipe(warmup=0.2)
    rates = [schedule(step, 100, made) for step in range(1, 101)]
    assert rates[:20] == pytest.approx([step / 20 for step in range(1, 21)])
    assert rates[59] == pytest.approx(0.01 + 0.99 * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[-1] == pytest.approx(0.01)
    assert all(later < sooner for sooner, later in zip(rates[19:], rates[20:], strict=False))
