"""The commands of ``stylize``. What a command needs is imported when it runs: ``--help`` must not load torch."""

import json
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from dagster_project.cli import operator_commands
from dagster_project.cli.look_options import (
    BlendOption,
    BlendWithOption,
    KeepColorsOption,
    QualityOption,
    SteadyShotsOption,
    StrengthOption,
    StyleOption,
    StyleScaleOption,
    StyleWeightOption,
)
from dagster_project.cli.operator_commands import HomeOption
from dagster_project.cli.terminal import exit_codes, say
from dagster_project.settings import Settings, load_settings
from stylize.style.refining.refine_recipe import MAX_STROKE_SIDE, MIN_STROKE_SIDE, RefineRecipe

RECIPE = RefineRecipe()
"""What ``refine`` does unless it is told otherwise."""

app = typer.Typer(
    help="Repaint videos in the style of a painting: same sound, same timing, no frame lost.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _local_settings(home: Path | None) -> Settings:
    """Of a command for one machine: the folder is its store, also where STYLIZE_STORE says azure."""
    return load_settings().at(home).on_folder_store()


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="The video file.")],
    style: StyleOption = None,
    quality: QualityOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Copy the result to this .mp4, .mov or .mkv file.")
    ] = None,
    strength: StrengthOption = None,
    style_weight: StyleWeightOption = None,
    keep_colors: KeepColorsOption = None,
    style_scale: StyleScaleOption = None,
    steady_shots: SteadyShotsOption = None,
    blend_with: BlendWithOption = None,
    blend: BlendOption = None,
    home: HomeOption = None,
    frames_per_segment: Annotated[
        int | None, typer.Option(min=1, help="Frames per partition, when the clip is read for the first time.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Restyle one video. Run the same command again to resume: finished work is reused.

    A clip keeps its look: what is not given now stays as it was given last.

    Works on the local folder store, whatever STYLIZE_STORE says.
    """
    with exit_codes(resume_hint="run the same command again to resume, finished work is kept"):
        from assets.clip_wishes import ClipSettingsConfig
        from dagster_project.cli.video_command import restyle_file

        report = restyle_file(
            source.expanduser().absolute(),
            settings=_local_settings(home),
            wishes=ClipSettingsConfig(
                style=style,
                quality=quality or "unchanged",
                strength=strength,
                style_weight=style_weight,
                keep_colors=keep_colors,
                style_scale=style_scale,
                steady_shots=steady_shots,
                blend_with=blend_with,
                blend=blend,
            ),
            output=output.expanduser().absolute() if output else None,
            frames_per_segment=frames_per_segment,
        )
        if as_json:
            say(json.dumps(report.to_dict()))
        else:
            for line in report.lines():
                say(line)


@app.command()
def refine(
    painting: Annotated[
        Path, typer.Argument(metavar="PAINTING", help="A picture of the painting, or a style that was made from one.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the style. [default: that of the file]")] = None,
    iterations: Annotated[int, typer.Option(min=1, help="For each of the three qualities.")] = RECIPE.iterations,
    content: Annotated[
        list[Path] | None, typer.Option(help="Folder of photographs, a picture or a video; may be repeated.")
    ] = None,
    stroke_side: Annotated[
        int, typer.Option(min=MIN_STROKE_SIDE, max=MAX_STROKE_SIDE, help="Larger makes larger strokes, in pixels.")
    ] = RECIPE.stroke_side,
    stroke_weight: Annotated[
        float, typer.Option(min=0.1, max=100, help="More brings more strokes, and less of the photograph.")
    ] = RECIPE.stroke_weight,
    face_weight: Annotated[
        float, typer.Option(min=0, max=100, help="More keeps faces closer to the photograph's.")
    ] = RECIPE.face_weight,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another result.")] = 0,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew, even if this was refined or begun before.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Bring a style nearer to the strokes of its painting, in some minutes. Run it again to resume.

    A painting is a style without this, too: stylize video INPUT --style PAINTING.
    """
    with exit_codes(resume_hint="run the same command again to go on from the last checkpoint"):
        from assets.refine_config import RefineConfig
        from dagster_project.cli.refine_command import refine_painting

        config = RefineConfig(
            iterations=iterations,
            content=[str(place.expanduser().absolute()) for place in content or []],
            stroke_side=stroke_side,
            stroke_weight=stroke_weight,
            face_weight=face_weight,
            seed=seed,
            restart=restart,
        )
        report = refine_painting(
            painting.expanduser().absolute(), settings=_local_settings(home), name=name, config=config
        )
        for line in report.lines():
            say(line)


@app.command()
def combine(
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURE...", help="Two pictures or more.")],
    name: Annotated[str, typer.Option(help="Name of the style.")],
    home: HomeOption = None,
) -> None:
    """Make one style from several pictures: those of a brand, say. It lies in the middle of theirs."""
    with exit_codes(resume_hint="nothing was stored"):
        from dagster_project.cli.combine_command import combine_pictures

        paths = [picture.expanduser().absolute() for picture in pictures]
        for line in combine_pictures(paths, name=name, settings=_local_settings(home)):
            say(line)


@app.command("export-style")
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the style.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .safetensors file to write.")],
    home: HomeOption = None,
) -> None:
    """Write a style to one file, with its card and a sample; --style FILE uses it on another machine."""
    with exit_codes(resume_hint="nothing was written"):
        from dagster_project.cli.export_command import export_style

        for line in export_style(name, file.expanduser().absolute(), settings=_local_settings(home)):
            say(line)


@app.command()
def styles(home: HomeOption = None) -> None:
    """List the styles, a line each."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.style_list import list_style_lines

        for line in list_style_lines(_local_settings(home)):
            say(line)


@app.command()
def preview(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A photograph or a video.")],
    style: Annotated[
        list[str] | None,
        typer.Option("--style", help="A style, a picture or a checkpoint; may be repeated. [default: all that ship]"),
    ] = None,
    quality: QualityOption = None,
    output: Annotated[Path, typer.Option("--output", help="The picture to write.")] = Path("styles.jpg"),
    home: HomeOption = None,
) -> None:
    """Paint one frame in every style, or in those named, and write them side by side."""
    with exit_codes(resume_hint="nothing was written"):
        from dagster_project.cli.preview_command import preview_styles

        lines = preview_styles(
            source.expanduser().absolute(),
            output.expanduser().absolute(),
            settings=_local_settings(home),
            styles=style or [],
            quality=quality,
        )
        for line in lines:
            say(line)


@app.command("upload-link")
def upload_link(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name that the file shall have in landing/.")],
    hours: Annotated[float, typer.Option(help="How long the link works.")] = 2.0,
) -> None:
    """Make a link by which a customer uploads one file to the Azure store."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.links import make_upload_link

        for line in make_upload_link(load_settings(), name, hours):
            say(line)


@app.command()
def share(
    clip: Annotated[str, typer.Argument(metavar="CLIP", help="The clip, as the UI names it, or the upload's name.")],
    hours: Annotated[float, typer.Option(help="How long the links work.")] = 24.0,
) -> None:
    """Make links by which a customer fetches a clip's latest delivery from the Azure store."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.links import share_delivery

        for line in share_delivery(load_settings(), clip, hours):
            say(line)


@app.command()
def retire(
    clip: Annotated[
        str | None, typer.Argument(metavar="CLIP", help="The clip, as the UI names it, or the upload's name.")
    ] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", min=0, help="All clips whose last delivery is older.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    home: HomeOption = None,
) -> None:
    """Remove what can be made again of a delivered clip, and its partition key. Deliveries stay."""
    with exit_codes(resume_hint="run the same command again to go on"):
        from dagster_project.cli.retire import retire_clips

        settings = load_settings().at(home)
        for line in retire_clips(settings, clip, older_than_days=older_than, dry_run=dry_run):
            say(line)


operator_commands.add_to(app)


@app.command()
def demo(home: HomeOption = None) -> None:
    """Make a short clip from photographs, restyle it, and show where the results lie."""
    with exit_codes(resume_hint="run the same command again to resume, finished work is kept"):
        from dagster_project.cli.demo import run_demo

        for line in run_demo(_local_settings(home)):
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


@app.command()
def exporter(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 9464,
    poll_seconds: Annotated[float, typer.Option(min=1, help="Pause between two looks at Dagster's storage.")] = 15,
) -> None:
    """Serve today's figures to Prometheus: frames, speed, waits, retries, failures, cost. Ctrl-C stops it."""
    with exit_codes(resume_hint="the exporter is stopped"):
        from dagster_project.cli.exporter_command import run_exporter

        run_exporter(load_settings().at(home), host=host, port=port, poll_seconds=poll_seconds)


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
