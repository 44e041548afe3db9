"""Two processes that train together, against one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

import together
from latent_ofer.training.how import How

Weights = dict[str, Tensor]
QUIET = How(quiet=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes left."""
    folder = tmp_path_factory.mktemp("together")
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *launch, together.__file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def found(folder: Path) -> list[dict[str, Weights]]:
    """The weights that each of them ended with, by training."""
    paths = [folder / f"process-{place}.pt" for place in (0, 1)]
    return [torch.load(path, weights_only=True) for path in paths]


def furthest(first: Weights, second: Weights) -> float:
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_both_end_with_the_same_weights(found: list[dict[str, Weights]]) -> None:
    for name, weights in found[0].items():
        assert furthest(weights, found[1][name]) == 0, name


def test_they_learn_what_one_learns_from_the_same_batches(
    found: list[dict[str, Weights]], tmp_path: Path
) -> None:
    begun = together.net(normed=False).state_dict()
    alone = together.trained(tmp_path / "net", together.net(normed=False), QUIET)
    assert furthest(found[0]["plain"], alone) < 1e-5 < 1e-2 < furthest(begun, alone)


def test_they_do_with_batch_norm_whose_statistics_are_held_still(
    found: list[dict[str, Weights]], tmp_path: Path
) -> None:
    still = together.net(normed=True, frozen=True)
    alone = together.trained(tmp_path / "net", still, QUIET)
    assert furthest(found[0]["frozen"], alone) < 1e-5


def test_dropout_draws_by_the_part_of_the_batch_whichever_process_has_it(
    found: list[dict[str, Weights]], tmp_path: Path
) -> None:
    cut = How(quiet=True, slices=2)
    alone = together.trained(tmp_path / "net", together.net(normed=False, dropout=0.5), cut)
    assert furthest(found[0]["dropout"], alone) < 1e-5


def test_one_that_is_told_to_stop_stops_both_and_they_go_on_together(
    folder: Path, found: list[dict[str, Weights]]
) -> None:
    for place in (0, 1):
        said = json.loads((folder / f"process-{place}.json").read_text())
        assert "stopped; go on with --resume" in said["stop"]
    assert furthest(found[0]["resumed"], found[0]["plain"]) == 0


def test_both_are_told_whose_loss_is_no_number(folder: Path) -> None:
    texts = [json.loads((folder / f"process-{n}.json").read_text())["nan"] for n in (0, 1)]
    assert texts[0] == texts[1]
    strange = (folder / "nan" / "net" / "not-finite.txt").read_text().splitlines()
    assert len(strange) == 2  # the second part of five faces
    assert (
        f"step 1 of epoch 1, and nothing was learned from it. Its faces: {strange[0]}, "
        in (texts[0])
    )


def test_the_first_one_alone_keeps_a_log_with_figures_of_dev(folder: Path) -> None:
    lines = (folder / "plain" / "net" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1]
    assert all("bias" in json.loads(line) for line in lines)


def test_on_another_number_of_processes_it_is_said(folder: Path) -> None:
    run = folder / "drop" / "net"
    with pytest.warns(UserWarning, match="2 parts of each batch and resumed with 1"):
        together.trained(run, together.net(normed=False, dropout=0.5), How(True, quiet=True))
