"""The style models: one network checkpoint per style.

Lies in ``models/<style>/``; partitioned by style. For each style the first of these counts: a checkpoint in
``landing/styles/``; an image there, from which a network is trained; a network that ``stylize train`` made; one of the
styles that ship with this project.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.gpu_pool import GPU_POOL
from assets.style_loading import load_style
from assets.style_pictures import style_pictures
from assets.style_training import StyleTraining
from assets.style_training_config import StyleTrainingConfig
from dagster_project import code_versions
from dagster_project.errors import StyleError
from dagster_project.partitions import clips, styles
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.media_store import MediaStore
from resources.other_transforms import is_other_transform
from resources.progress import Progress
from resources.records import StyleRecord
from resources.style_uploads import check_style_name, find_style_upload
from resources.stylizer import StylizerResource


@dg.asset(
    partitions_def=styles,
    group_name="look",
    kinds={"pytorch"},
    owners=["team:artists"],
    code_version=f"{code_versions.STYLE}.{code_versions.TRAIN}",
    retry_policy=TRANSIENT_RETRIES,
    pool=GPU_POOL,
)
def style_model(
    context: dg.AssetExecutionContext,
    config: StyleTrainingConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    decoder: DecoderResource,
    stylizer: StylizerResource,
    scratch: ScratchResource,
) -> dg.MaterializeResult:
    """The network that paints in one style: shipped, uploaded as checkpoint, or trained here from an uploaded image."""
    style = context.partition_key
    with failures_explained(), scratch.folder() as folder:
        training = StyleTraining(
            store=store,
            stylizer=stylizer,
            progress=progress,
            limits=decoder.limits,
            folder=folder,
            clips=context.instance.get_dynamic_partitions(str(clips.name)),
        )
        # A dot cannot stand in the name of a clip, so this is nobody else's lease.
        with lease.alone(f"style.{style}", on_wait=lambda: progress.say(f"waiting: style {style} is being trained")):
            record = _train_or_load(training, style, config)
        pictures = embed(style_pictures(store, stylizer, record, folder), budget_bytes=CLIP_BUDGET_BYTES)
    context.add_asset_metadata(pictures | _describe(store, record))
    return dg.MaterializeResult(data_version=dg.DataVersion(record.sha256))


def _train_or_load(training: StyleTraining, style: str, config: StyleTrainingConfig) -> StyleRecord:
    upload = find_style_upload(training.store, style)
    if config.painting is not None:
        if upload is not None:
            raise StyleError(
                f"style {style!r} is what {upload.name!r} in landing/styles/ says: remove it, or choose another --name"
            )
        image = Path(config.painting)
        return training.train(check_style_name(style), image, config, name=image.name)
    if upload is not None and upload.is_image:
        with training.store.as_file(upload.info.key, training.folder) as image:
            return training.train(style, image, config, name=upload.name)
    return load_style(training.store, training.stylizer, style, training.folder)


def _describe(store: MediaStore, record: StyleRecord) -> dict[str, Any]:
    about = {
        "title": record.title,
        "description": record.description,
        "checkpoint": record.model_key if is_other_transform(record.model_key) else store.location(record.model_key),
        "sha256": record.sha256,
    }
    if not record.order:
        return about
    return about | {
        "image_sha256": record.image_sha256,
        "iterations": record.recipe["iterations"],
        "training_seconds": record.seconds,
        "sample": store.location(record.sample_key),
        "recipe": dg.MetadataValue.json(record.recipe),
        **{f"loss_{name}": value for name, value in record.losses.items()},
        **record.metrics,
    }
