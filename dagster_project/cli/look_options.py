"""The options that say how a clip shall look, the same for every command that takes them."""

from typing import Annotated

import typer

from stylize.style.controls.quality import Quality

StyleOption = Annotated[
    str | None,
    typer.Option(
        "--style", help="Name of a style, a picture of any painting, or a .safetensors or fast_neural_style .pth file."
    ),
]
QualityOption = Annotated[
    Quality | None,
    typer.Option("--quality", help="best paints most finely, fast takes half of its time. [default: standard]"),
]
StrengthOption = Annotated[
    float | None, typer.Option("--strength", help="0 to 1, from the source to the painted picture. [default: 1]")
]
StyleWeightOption = Annotated[
    float | None,
    typer.Option(
        "--style-weight", help="0 to 1, from the clip's own style to the painting's: fainter strokes. [default: 1]"
    ),
]
KeepColorsOption = Annotated[
    bool | None,
    typer.Option("--keep-colors/--no-keep-colors", help="Brightness from the paint, colors from the source."),
]
StyleScaleOption = Annotated[
    float | None,
    typer.Option(
        "--style-scale",
        help="Width of the brush strokes as a fraction of the picture's height, 0.003 to 0.2: the same look at"
        " every resolution; 0 paints the frames as they come. [default: the style's own]",
    ),
]
SteadyShotsOption = Annotated[
    bool | None,
    typer.Option(
        "--steady-shots/--no-steady-shots",
        help="Paint all frames of a shot by one set of statistics, whatever enters the picture.",
    ),
]
BlendWithOption = Annotated[
    str | None, typer.Option("--blend-with", help="A second style (name or file) to mix in; needs --blend.")
]
BlendOption = Annotated[
    float | None, typer.Option("--blend", help="Share of the second style, 0 to 1; 0 removes it. [default: 0]")
]
