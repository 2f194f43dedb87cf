"""What a run may choose about a style whose painting is a picture."""

import dagster as dg
from pydantic import Field

from stylize import code_versions
from stylize.records.records import digest_of
from stylize.style.refining.refine_recipe import MAX_STROKE_SIDE, MIN_STROKE_SIDE, RefineRecipe

_DEFAULT = RefineRecipe()


class RefineConfig(dg.Config):
    """Whether, and how, the networks of a painting are brought nearer to its strokes."""

    iterations: int = Field(
        default=0,
        ge=0,
        description=f"For each quality: {_DEFAULT.iterations} take minutes, 0 uses the painting as it is, in seconds.",
    )
    painting: str | None = Field(
        default=None, description="Picture on the executing machine; by default the one in landing/styles/."
    )
    content: list[str] = Field(
        default=[],
        description="Folders of photographs, pictures and videos on the executing machine; by default those in"
        " models/content/, else frames of stored clips, else scikit-image's.",
    )
    stroke_side: int = Field(
        default=_DEFAULT.stroke_side,
        ge=MIN_STROKE_SIDE,
        le=MAX_STROKE_SIDE,
        description="Shorter side of the painting as judged: larger makes larger strokes.",
    )
    stroke_weight: float = Field(
        default=_DEFAULT.stroke_weight, gt=0, description="More brings more strokes, and less of the photograph."
    )
    face_weight: float = Field(
        default=_DEFAULT.face_weight, ge=0, description="More keeps faces closer to the photograph's."
    )
    seed: int = Field(default=0, ge=0, description="Of crops, movements and noise.")
    checkpoint_every: int = Field(default=10, ge=1, description="Iterations between two checkpoints.")
    preview_every: int = Field(default=100, ge=1, description="Iterations between two previews.")
    restart: bool = Field(default=False, description="Begin anew, even if this was refined or begun before.")

    def order(self, image_sha256: str, *, networks_sha256: str) -> str:
        """Digest of all that was asked for: the same order need not be carried out twice."""
        asked = [self.recipe().to_dict(), self.content]
        return digest_of([image_sha256, networks_sha256, asked, code_versions.REFINE])

    def recipe(self) -> RefineRecipe:
        """The same as the library takes it.

        Raises:
            StyleError: a value cannot be used.
        """
        return RefineRecipe(
            iterations=self.iterations,
            stroke_side=self.stroke_side,
            stroke_weight=self.stroke_weight,
            face_weight=self.face_weight,
            seed=self.seed,
        )
