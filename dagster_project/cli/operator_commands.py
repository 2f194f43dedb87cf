"""The commands of whoever looks after a deployment: how its clips are, what is wrong, what may go on."""

from pathlib import Path
from typing import Annotated

import typer

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
from dagster_project.cli.terminal import EXIT_FAILURE, exit_codes, say
from dagster_project.settings import load_settings

HomeOption = Annotated[
    Path | None,
    typer.Option("--home", help="Folder of the store and the Dagster instance. [default: $STYLIZE_HOME or .stylize]"),
]
ClipArgument = Annotated[
    str, typer.Argument(metavar="CLIP", help="The clip, as the UI names it, or the upload's name.")
]
AnyClipArgument = Annotated[
    str | None, typer.Argument(metavar="CLIP", help="One clip in detail, as the UI names it, or the upload's name.")
]


def status(
    clip: AnyClipArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of text.")] = False,
    home: HomeOption = None,
) -> None:
    """Say what every clip is doing and what comes next, or all about one clip."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.status_command import show_status

        show_status(load_settings().at(home), clip, as_json=as_json)


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Mend what is safe to mend.")] = False,
    home: HomeOption = None,
) -> None:
    """Find what is stuck and say why: runs, jobs, pool slots, partitions, objects. Exit code 1 if anything is left."""
    with exit_codes(resume_hint="run the same command again to go on"):
        from dagster_project.cli.doctor_command import examine_deployment

        if not examine_deployment(load_settings().at(home), fix=fix):
            raise typer.Exit(EXIT_FAILURE)


def approve(clip: ClipArgument, home: HomeOption = None) -> None:
    """Approve a clip that is held because it costs more than the budget; automation then goes on with it."""
    with exit_codes(resume_hint="nothing was changed"):
        from dagster_project.cli.approve_command import approve_clip

        for line in approve_clip(load_settings().at(home), clip):
            say(line)


def restyle(
    clip: ClipArgument,
    style: StyleOption = None,
    quality: QualityOption = None,
    strength: StrengthOption = None,
    style_weight: StyleWeightOption = None,
    keep_colors: KeepColorsOption = None,
    style_scale: StyleScaleOption = None,
    steady_shots: SteadyShotsOption = None,
    blend_with: BlendWithOption = None,
    blend: BlendOption = None,
    home: HomeOption = None,
) -> None:
    """Give a clip that is in the store another look. Nothing is split again; what is not given stays as it is."""
    with exit_codes(resume_hint="run the same command again"):
        from assets.clip_wishes import ClipSettingsConfig
        from dagster_project.cli.restyle_command import restyle_clip

        wishes = ClipSettingsConfig(
            style=style,
            quality=quality or "unchanged",
            strength=strength,
            style_weight=style_weight,
            keep_colors=keep_colors,
            style_scale=style_scale,
            steady_shots=steady_shots,
            blend_with=blend_with,
            blend=blend,
        )
        for line in restyle_clip(load_settings().at(home), clip, wishes):
            say(line)


def add_to(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (status, restyle, approve, doctor):
        app.command()(command)
