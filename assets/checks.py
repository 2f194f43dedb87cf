"""The checks of styled frames and of deliveries.

What would deliver a wrong video blocks: a video that fails is not published. Flicker is a matter of taste: it warns.

https://docs.dagster.io/guides/test/asset-checks
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

if TYPE_CHECKING:
    from stylize.video.delivery.verify import Verification

DELIVERY_CHECKS: Final[Mapping[str, str]] = {
    "frame_count": "The delivered video presents exactly as many frames as the source.",
    "timestamps": "Every frame is presented at exactly the time of its source frame.",
    "audio_identity": "Every audio packet (or, where it had to be stored otherwise, every sample) is the source's.",
    "picture": "Size, sample aspect ratio and colour tags are those that the source's picture leads to.",
    "not_blank": "The picture is not a single colour, unless the source is.",
    "chapters": "Every chapter of the source is there.",
}


def delivery_check_specs() -> list[dg.AssetCheckSpec]:
    """Specifications of the checks that ``final_video`` runs before it publishes."""
    return [
        dg.AssetCheckSpec(name, asset="final_video", description=description, blocking=True)
        for name, description in DELIVERY_CHECKS.items()
    ]


FLICKER_CHECK: Final = "flicker"


def flicker_check_spec(asset: str, partitions: dg.PartitionsDefinition) -> dg.AssetCheckSpec:
    """Specification of the check that warns of flicker, with a result per partition."""
    return dg.AssetCheckSpec(
        FLICKER_CHECK,
        asset=asset,
        description="Styled frames change no more than their source does, between all neighbours that were looked at.",
        partitions_def=partitions,
    )


def is_steady(found: Mapping[str, Any]) -> bool:
    """Whether what :meth:`stylize.video.measure.flicker.FlickerReport.to_dict` found is no flicker."""
    return found.get("worst_error", 0.0) <= found.get("threshold", 0.0)


def flicker_result(asset: str, found: Mapping[str, Any]) -> dg.AssetCheckResult:
    """What :meth:`stylize.video.measure.flicker.FlickerReport.to_dict` found; nothing to look at is no flicker."""
    steady = is_steady(found)
    return dg.AssetCheckResult(
        check_name=FLICKER_CHECK,
        asset_key=asset,
        passed=steady,
        severity=dg.AssetCheckSeverity.WARN,
        description=None if steady else _describe_flicker(found),
        metadata=found,
    )


def _describe_flicker(found: Mapping[str, Any]) -> str:
    frame = found["worst_frame"]
    return (
        f"frame {frame} ({found['worst_frame_seconds']} s) jumps: it differs from frame {frame - 1} by "
        f"{found['worst_error'] * 1e3:.1f}e-3, motion compensated, expected at most {found['threshold'] * 1e3:.1f}e-3; "
        "look at it, then choose a calmer style, or quality 'fast', which is the calmest"
    )


def results_of(verification: "Verification") -> list[dg.AssetCheckResult]:
    """One result per check, with what was found."""
    problems = {
        name: [problem.text for problem in verification.problems if problem.check == name] for name in DELIVERY_CHECKS
    }
    return [
        dg.AssetCheckResult(
            check_name=name,
            asset_key="final_video",
            passed=not texts,
            description="; ".join(texts) or None,
            metadata=_facts(verification, name),
        )
        for name, texts in problems.items()
    ]


def recorded_results(checks: Mapping[str, bool]) -> list[dg.AssetCheckResult]:
    """The results that a receipt recorded, for a delivery that is found complete."""
    return [
        dg.AssetCheckResult(
            check_name=name, asset_key="final_video", passed=passed, description="As recorded in the receipt."
        )
        for name, passed in checks.items()
    ]


def _facts(verification: "Verification", name: str) -> dict[str, Any]:
    match name:
        case "frame_count":
            return {"delivered": verification.num_frames, "source": verification.expected_frames}
        case "timestamps":
            return {"largest_error_ms": float(verification.max_time_error_seconds * 1000)}
        case "audio_identity":
            return {"tracks": dg.MetadataValue.json([facts.to_dict() for facts in verification.sound])}
        case "picture":
            aspect = verification.sample_aspect_ratio
            return {"size": f"{verification.width}x{verification.height}", "sample_aspect_ratio": str(aspect)}
        case "chapters":
            return {"delivered": verification.num_chapters}
        case _:
            return {}
