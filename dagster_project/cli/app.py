"""The commands of ``stylize``. What a command needs is imported when it runs: ``--help`` must not load torch."""

import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dagster_project.cli.terminal import exit_codes, say
from dagster_project.settings import Settings, load_settings

app = typer.Typer(
    help="Repaint videos in the style of a painting: same sound, same timing, no frame lost.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the store and the Dagster instance. [default: $STYLIZE_HOME or .stylize]"),
]
StyleOption = Annotated[
    str | None,
    typer.Option("--style", help="Name of a style, or a .safetensors or fast_neural_style .pth file."),
]


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The video file.")],
    style: StyleOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Copy the result to this .mp4, .mov or .mkv file.")
    ] = None,
    home: HomeOption = None,
    frames_per_segment: Annotated[
        int | None, typer.Option(min=1, help="Frames per partition, when the clip is read for the first time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Restyle one video. Run the same command again to resume: finished work is reused."""
    with exit_codes(resume_hint="run the same command again to resume, finished work is kept"):
        from dagster_project.cli.video_command import restyle_file

        report = restyle_file(
            source.expanduser().absolute(),
            settings=load_settings().at(home),
            style=style,
            output=output.expanduser().absolute() if output else None,
            frames_per_segment=frames_per_segment,
        )
        if as_json:
            say(json.dumps(report.to_dict()))
        else:
            for line in report.lines():
                say(line)


@app.command()
def styles(home: HomeOption = None) -> None:
    """List the styles, a line each."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.style_list import list_style_lines

        for line in list_style_lines(load_settings().at(home)):
            say(line)


@app.command()
def demo(home: HomeOption = None) -> None:
    """Make a short clip from photographs, restyle it, and show where the results lie."""
    with exit_codes(resume_hint="run the same command again to resume, finished work is kept"):
        from dagster_project.cli.demo import run_demo

        for line in run_demo(load_settings().at(home)):
            say(line)


@app.command()
def ui(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; Dagster's UI has no login.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
) -> None:
    """Start the Dagster UI and daemon on the home; Ctrl-C stops them."""
    with exit_codes(resume_hint="the UI and the daemon are stopped"):
        _serve(load_settings().at(home), host, port)


def _serve(settings: Settings, host: str, port: int) -> NoReturn:
    """Become ``dagster dev``: signals then reach it, and it ends the processes that it started."""
    from dagster_project.cli.home import clean_up_after_killed_processes, open_instance, prepare_home
    from dagster_project.settings import PROJECT_ROOT

    store = prepare_home(settings)
    # Opening the instance here creates its database: the webserver and the daemon, started together, would race for it.
    with open_instance(settings) as instance:
        clean_up_after_killed_processes(settings, instance, store)
    workspace = PROJECT_ROOT / "workspace.yaml"
    environment = {**os.environ, "DAGSTER_HOME": str(settings.dagster_dir), "STYLIZE_HOME": str(settings.home)}
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "--host", host, "--port", str(port)]
    # Dagster ends on SIGTERM only where SIGINT is not ignored, as it is in a shell's background job.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.chdir(PROJECT_ROOT)
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted


def main() -> None:
    """Entry point of the console script."""
    # Backfill policies and partition mappings have been "beta" in every release of Dagster; users need not read that.
    warnings.filterwarnings("ignore", message=".*currently in (beta|preview)")
    app()
