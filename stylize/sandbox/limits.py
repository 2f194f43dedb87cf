"""What untrusted video may cost, and which parts of FFmpeg it may reach."""

from dataclasses import dataclass

# An ffconcat or HLS playlist renamed .mp4 makes FFmpeg read other files and URLs: only the file itself may be opened,
# and only by demuxers of real video files. Still pictures, playlists, device and network formats are left out for that.
PROTOCOLS = "file"
FORMATS = ",".join(
    (
        *(
            "mov",
            "mp4",
            "matroska",
            "webm",
            "mpegts",
            "mpeg",
            "avi",
            "flv",
            "asf",
            "ogg",
            "mxf",
            "gxf",
            "nut",
            "ivf",
            "dv",
        ),
        *("rm", "wtv", "h264", "hevc", "vvc", "obu", "av1", "m4v", "mpegvideo", "vc1", "h263", "yuv4mpegpipe"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeLimits:
    """Caps on the work that one input may cause.

    Attributes:
        max_pixels: columns times rows of a frame.
        max_frames: frames of the picture track; 60,000 frames fit in 0.8 MB, so the size of a file says nothing.
        stall_seconds: longest wait for any progress.
        total_seconds: longest time for the whole file.
        memory_bytes: address space of the process that decodes; 0 sets no cap.
    """

    max_pixels: int = 36_000_000
    max_frames: int = 400_000
    stall_seconds: float = 60.0
    total_seconds: float = 6 * 3600.0
    memory_bytes: int = 12 * 2**30

    def __post_init__(self) -> None:
        """Refuse caps that nothing could meet.

        Raises:
            ValueError: a cap is not positive.
        """
        for name in ("max_pixels", "max_frames", "stall_seconds", "total_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.memory_bytes < 0:
            raise ValueError(f"memory_bytes must be 0 (no cap) or positive, got {self.memory_bytes}")
