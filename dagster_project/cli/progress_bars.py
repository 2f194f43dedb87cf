"""Progress on a terminal: one bar per stage, with frames per second and time left."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from resources.progress import Advance


class ProgressBars:
    """A bar per stage, on standard error; nothing is drawn where that is not a terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on ``console``."""
        self._bars = Progress(
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description:<8}"),
            BarColumn(bar_width=24),
            _FramesColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._console = console
        self._tasks: dict[str, TaskID] = {}

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw the bars for as long as the context lasts."""
        with self._bars:
            yield

    def expect(self, stage: str, total: int | None, *, done: int = 0, unit: str = "frames") -> None:
        """Announce a stage of ``total`` frames, in however many pieces it comes."""
        self._tasks[stage] = self._bars.add_task(stage, total=total, completed=done, unit=unit, note="")

    def finish(self, stage: str, num_frames: int) -> None:
        """Show a stage as complete for all ``num_frames`` frames of the clip, whatever was reused."""
        self._bars.update(self._tasks[stage], total=num_frames, completed=num_frames)

    @contextmanager
    def track(self, stage: str, *, total: int | None = None, done: int = 0, unit: str = "frames") -> Iterator[Advance]:
        """See :class:`resources.progress.Progress`; advances the stage's bar."""
        if stage not in self._tasks:
            self.expect(stage, total, done=done, unit=unit)
        task = self._tasks[stage]
        yield lambda count, note="": self._bars.update(task, advance=count, note=note)

    def say(self, line: str) -> None:
        """See :class:`resources.progress.Progress`; a line above the bars."""
        self._console.print(line, soft_wrap=True, markup=False)


class _FramesColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        total = "?" if task.total is None else f"{task.total:.0f}"
        return Text(f"{task.completed:.0f}/{total} {task.fields['unit']}".rjust(16))


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        unit = "fps" if task.fields["unit"] == "frames" else "/s"
        return Text("" if not speed else f"{speed:.1f} {unit}".rjust(10))
