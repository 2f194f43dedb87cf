"""The style models: one file of networks per style, one for each quality.

Lies in ``models/<style>/``; partitioned by style. For each style the first of these counts: a checkpoint in
``landing/styles/``; a picture there, which is a style as it is, or refined; what ``stylize refine`` made; one of the
styles that ship with this project.
"""

from pathlib import Path
from typing import Any

import dagster as dg

from assets.embedded_pictures import CLIP_BUDGET_BYTES, embed
from assets.failures import TRANSIENT_RETRIES, failures_explained
from assets.gpu_pool import GPU_POOL
from assets.refine_config import RefineConfig
from assets.refining import StyleRefining
from assets.style_loading import load_style
from assets.style_pictures import style_pictures
from dagster_project.partitions import clips, styles
from resources.clip_lease import ClipLease
from resources.deployment import DecoderResource, ScratchResource
from resources.progress import Progress
from resources.stylizer import StylizerResource
from stylize import code_versions
from stylize.errors import StyleError
from stylize.other_transforms import is_other_transform
from stylize.records.records import StyleRecord, digest_of_file
from stylize.records.style_uploads import StyleUpload, check_style_name, find_style_upload
from stylize.store.media_store import MediaStore


@dg.asset(
    partitions_def=styles,
    group_name="look",
    kinds={"pytorch"},
    owners=["team:artists"],
    code_version=f"{code_versions.STYLE}.{code_versions.REFINE}",
    retry_policy=TRANSIENT_RETRIES,
    pool=GPU_POOL,
)
def style_model(
    context: dg.AssetExecutionContext,
    config: RefineConfig,
    store: dg.ResourceParam[MediaStore],
    lease: dg.ResourceParam[ClipLease],
    progress: dg.ResourceParam[Progress],
    decoder: DecoderResource,
    stylizer: StylizerResource,
    scratch: ScratchResource,
) -> dg.MaterializeResult:
    """The networks that paint in one style: shipped, uploaded, or those of a picture, as they are or refined here."""
    style = context.partition_key
    with failures_explained(), scratch.folder() as folder:
        refining = StyleRefining(
            store=store,
            stylizer=stylizer,
            progress=progress,
            limits=decoder.limits,
            folder=folder,
            clips=context.instance.get_dynamic_partitions(str(clips.name)),
        )
        # A dot cannot stand in the name of a clip, so this is nobody else's lease.
        with lease.alone(f"style.{style}", on_wait=lambda: progress.say(f"waiting: style {style} is being refined")):
            record = _refine_or_load(refining, style, config)
        pictures = embed(style_pictures(store, stylizer, record, folder), budget_bytes=CLIP_BUDGET_BYTES)
    context.add_asset_metadata(pictures | _describe(store, record))
    return dg.MaterializeResult(data_version=dg.DataVersion(record.sha256))


def _refine_or_load(refining: StyleRefining, style: str, config: RefineConfig) -> StyleRecord:
    if not config.iterations:
        if config.painting is not None:
            raise StyleError(f"{config.painting!r} is to be refined by 0 iterations: set 'iterations'")
        return load_style(refining.store, refining.stylizer, style, refining.folder)
    upload = find_style_upload(refining.store, style)
    if config.painting is not None:
        image = Path(config.painting)
        _check_same_painting(refining.store, style, upload, image)
        return refining.refine(check_style_name(style), image, config, name=image.name)
    if upload is None or not upload.is_image:
        raise StyleError(
            f"style {style!r} has no picture in landing/styles/ to be refined on: put one there, or set 'iterations'"
            " to 0"
        )
    with refining.store.as_file(upload.info.key, refining.folder) as image:
        return refining.refine(style, image, config, name=upload.name)


def _check_same_painting(store: MediaStore, style: str, upload: StyleUpload | None, image: Path) -> None:
    """What was uploaded for a style counts, also tomorrow.

    Raises:
        StyleError: that is something else than ``image``.
    """
    if upload is None:
        return
    if upload.is_image and image.is_file() and store.digest(upload.info.key) == digest_of_file(image):
        return
    raise StyleError(
        f"style {style!r} is what {upload.name!r} in landing/styles/ says: remove it, or choose another --name"
    )


def _describe(store: MediaStore, record: StyleRecord) -> dict[str, Any]:
    about: dict[str, Any] = {
        "title": record.title,
        "description": record.description,
        "checkpoint": record.model_key if is_other_transform(record.model_key) else store.location(record.model_key),
        "sha256": record.sha256,
    }
    if record.image_sha256:
        about["image_sha256"] = record.image_sha256
    if not record.order:
        return about
    return about | {
        "iterations": record.recipe["iterations"],
        "refining_seconds": record.seconds,
        "sample": store.location(record.sample_key),
        "recipe": dg.MetadataValue.json(record.recipe),
        "losses": dg.MetadataValue.json(record.losses),
        **record.metrics,
    }
