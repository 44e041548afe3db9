"""The bar of long work."""

from rich.progress import Progress

from latent_ofer.progress import _Rate, track


def test_what_was_done_earlier_counts_and_no_item_is_lost() -> None:
    bar = track(range(3), 5, "Images", done=2)
    assert list(bar) == [0, 1, 2]
    assert bar.bar.tasks[0].completed == 5


def test_the_rate_is_told_once_there_is_one() -> None:
    clock = [0.0]
    progress = Progress(get_time=lambda: clock[0], disable=True)
    task = progress.add_task("Images", total=4000)
    assert _Rate().render(progress.tasks[0]).plain == ""
    for clock[0] in (1.0, 2.0):
        progress.advance(task, 1500)
    assert _Rate().render(progress.tasks[0]).plain == "1,500.0/s"
