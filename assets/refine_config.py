"""What a run may choose when a style is trained from an image."""

from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from dagster_project import code_versions
from resources.records import digest_of

if TYPE_CHECKING:
    from dagster_project.style_transfer.recipe import TrainingRecipe

FROM_SCRATCH = "scratch"


class StyleTrainingConfig(dg.Config):
    """How to train a style from an image. None of it matters to a style that has a checkpoint."""

    painting: str | None = Field(
        default=None, description="Picture on the executing machine; by default the image in landing/styles/."
    )
    iterations: int = Field(
        default=300, ge=1, description="300 are enough from an existing style, 600 and more from scratch."
    )
    start_from: str = Field(
        default="starry-night", description="Style whose network to start from, or 'scratch' for random weights."
    )
    features: str = Field(
        default="auto",
        description="Loss network: vgg16, squeezenet, a file, or auto: the first in models/features/, else VGG-16.",
    )
    content: list[str] = Field(
        default=[],
        description="Folders of photographs, pictures and videos on the executing machine; by default those in"
        " models/content/, else frames of stored clips, else scikit-image's.",
    )
    style_side: int = Field(
        default=640, ge=32, le=2048, description="Shorter side of the painting in training: larger, larger strokes."
    )
    style_weight: float = Field(default=10.0, gt=0, description="4 paints gently, 24 loses faces.")
    crop_size: int = Field(default=160, ge=32, le=512, description="Side of the training crops, a multiple of 4.")
    batch_size: int = Field(default=4, ge=1, le=64, description="Crops per iteration.")
    seed: int = Field(default=0, ge=0, description="Of crops, movements and noise.")
    checkpoint_every: int = Field(default=25, ge=1, description="Iterations between two checkpoints.")
    preview_every: int = Field(default=50, ge=1, description="Iterations between two previews.")
    restart: bool = Field(default=False, description="Begin anew, even if this was trained or begun before.")

    def order(self, image_sha256: str, *, network_sha256: str) -> str:
        """Digest of all that was asked for: the same order need not be carried out twice."""
        asked = self.model_dump(exclude={"painting", "checkpoint_every", "preview_every", "restart"})
        return digest_of([image_sha256, network_sha256, asked, code_versions.TRAIN])

    def recipe(self) -> "TrainingRecipe":
        """The same as the library takes it.

        Raises:
            StyleError: a value cannot be used.
        """
        from dagster_project.style_transfer.recipe import TrainingRecipe

        return TrainingRecipe(
            iterations=self.iterations,
            batch_size=self.batch_size,
            crop_size=self.crop_size,
            style_side=self.style_side,
            style_weight=self.style_weight,
            # Balanced together by experiment: a style twice as strong flickers twice as much.
            shift_weight=20 * self.style_weight,
            seed=self.seed,
        )
