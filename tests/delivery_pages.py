"""What pages of deliveries are made from, for tests that need no film."""

from fractions import Fraction
from typing import Any

import numpy as np

from assets.checks import DELIVERY_CHECKS
from stylize.pictures.before_after import Moment
from stylize.pictures.delivery_page import CheckState, DeliveryPage
from stylize.video.pixels.pixels import Picture

SIZE = (288, 512, 3)
DIGEST = "0123456789abcdef" * 4
RECEIPT: dict[str, Any] = {
    "clip": "film",
    "source": {"upload": "landing/2026/film.mp4", "sha256": "aa" * 32, "size_bytes": 1_234_567},
    "delivered": {
        "name": "film.mp4",
        "sha256": "bb" * 32,
        "size_bytes": 2_345_678,
        "width": 512,
        "height": 288,
        "sample_aspect_ratio": "1",
        "duration_seconds": "1001/240",
    },
    "counts": {"frames": 100, "segments": 2, "chunks": 5},
    "audio": [
        {
            "stream_index": 1,
            "codec": "aac",
            "delivered_codec": "aac",
            "identical": "packets",
            "offset_ms": 21.333,
            "delivered_offset_ms": 21.333,
            "problems": [],
        }
    ],
    "settings": {
        "style": "great-wave",
        "controls": "strength 0.7",
        "engine": "openvino",
        "device": "cpu",
        "precision": "fp32",
        "model_sha256": "cc" * 32,
    },
    "frames_table": {"sha256": "dd" * 32, "rows": 100},
    "checks": dict.fromkeys(DELIVERY_CHECKS, True),
    "flicker": {
        "pairs_compared": 9,
        "pairs_skipped": 0,
        "threshold": 4e-3,
        "worst_error": 1.2e-3,
        "worst_frame": 48,
        "worst_frame_seconds": 2.002,
    },
    "versions": {"dagster": "1.13.27", "deliver": "2"},
    "notes": [],
}


def flat(level: int) -> Picture:
    return np.full(SIZE, level, np.uint8)


def moment(frame: int, source: Picture | None, styled: Picture) -> Moment:
    return Moment(frame=frame, shown_seconds=frame * Fraction(1001, 24000), source=source, styled=styled)


def page_of(*moments: Moment, receipt: dict[str, Any] | None = None, **changes: Any) -> DeliveryPage:
    """The page of a film; ``receipt`` replaces parts of its receipt, ``changes`` what else the page is made from."""
    stated = RECEIPT | (receipt or {})
    checks = [
        CheckState(name=name, description=DELIVERY_CHECKS[name], passed=passed)
        for name, passed in stated["checks"].items()
    ]
    parts = {
        "delivery": DIGEST,
        "receipt": stated,
        "checks": checks,
        "is_steady": True,
        "moments": moments or (moment(50, flat(48), flat(207)),),
        "video_path": f"{DIGEST[:16]}/film.mp4",
        "receipt_path": f"{DIGEST[:16]}/receipt.json",
        "table_path": f"{DIGEST[:16]}/frames.parquet",
    }
    return DeliveryPage(**(parts | changes))
