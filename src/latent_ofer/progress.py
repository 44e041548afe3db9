"""A progress bar with rate and time left on a terminal, nothing elsewhere."""

from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

T = TypeVar("T")


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f}/s")


class track(Generic[T]):  # noqa: N801  (used like a function)
    """Iterate with a bar on standard error that shows the running figures.

    Parameters
    ----------
    items : iterable
    total : int
        How many there are; 0 where nobody knows.
    title : str
        Shown before the bar.
    quiet : bool
        No bar at all.
    done : int
        How many of them were done earlier, and are not among the items.
    """

    def __init__(
        self, items: Iterable[T], total: int, title: str, quiet: bool = False, done: int = 0
    ) -> None:
        self.items = items
        self.total = total
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=total or None, completed=done, figures="")

    def __iter__(self) -> Generator[T]:
        with self.bar:
            for item in self.items:
                yield item
                self.bar.advance(self.task)

    def show(self, **figures: float) -> None:
        """Show figures beside the bar."""
        text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self.bar.update(self.task, figures=text)
