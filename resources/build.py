"""From settings to resources: the one place that knows which backend a deployment uses."""

from typing import Any

from dagster_project.settings import Settings
from resources.alerts import AlertsResource
from resources.clip_lease import ClipLeaseResource
from resources.deployment import DecoderResource, FolderStoreResource, ScratchResource
from resources.pricing import PricingResource
from resources.progress import LogProgress
from resources.stylizer import StylizerResource


def build_store(settings: Settings) -> Any:
    """The resource of the media store that the settings choose."""
    if settings.store == "folder":
        return FolderStoreResource(root=str(settings.store_dir))
    from resources.azure_deployment import azure_store_resource  # the Azure SDK takes a second that a laptop can save

    return azure_store_resource(
        media=settings.media_account,
        operations=settings.operations_account,
        container_prefix=settings.container_prefix,
    )


def build_resources(settings: Settings) -> dict[str, Any]:
    """The resources of a deployment with these settings."""
    return {
        "store": build_store(settings),
        "lease": ClipLeaseResource(folder=str(settings.leases_dir)),
        "scratch": ScratchResource(root=str(settings.scratch_dir)),
        "progress": LogProgress(),
        "decoder": DecoderResource(
            max_pixels=settings.max_pixels,
            max_frames=settings.max_frames,
            stall_seconds=settings.decode_stall_seconds,
            total_seconds=settings.decode_total_seconds,
        ),
        "stylizer": StylizerResource(
            styles_dir=str(settings.styles_dir),
            default_style=settings.default_style,
            default_quality=settings.default_quality,
            device="cuda" if settings.on_gpu_pods else settings.device,
            precision=settings.precision,
            on_gpu_pods=settings.on_gpu_pods,
            frame_transforms=dict(settings.frame_transforms),
        ),
        "pricing": PricingResource(
            gpu_hour=settings.price_gpu_hour,
            cpu_hour=settings.price_cpu_hour,
            currency=settings.currency,
            budget_per_clip=settings.budget_per_clip,
            device=settings.device,
        ),
        "alerts": AlertsResource(ui_url=settings.ui_url, quiet_minutes=settings.alert_quiet_minutes),
    }
