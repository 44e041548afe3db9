"""A progress bar on a terminal, nothing elsewhere."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")


class track(Generic[T]):  # noqa: N801  (used like a function)
    """Iterate with a bar on standard error that shows the running figures.

    Parameters
    ----------
    items : iterable
    total : int
        How many there are.
    title : str
        Shown before the bar.
    quiet : bool
        No bar at all.
    """

    def __init__(self, items: Iterable[T], total: int, title: str, quiet: bool = False) -> None:
        self.items = items
        self.total = total
        console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self.task = self.bar.add_task(title, total=total, figures="")

    def __iter__(self) -> Iterator[T]:
        with self.bar:
            for item in self.items:
                yield item
                self.bar.advance(self.task)

    def show(self, **figures: float) -> None:
        """Show figures beside the bar."""
        text = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
        self.bar.update(self.task, figures=text)
