"""Look up single frames of a finished file, by their place in the film."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.error import FFmpegError
from av.video.frame import VideoFrame

from stylize.errors import VerificationError
from stylize.video.chunks.encode import file_url
from stylize.video.pixels.pixels import DeliveredPicture, Picture, to_rgb
from stylize.video.source.manifest import VideoTrack


@dataclass(frozen=True, slots=True)
class _KeyFrame:
    pts: int
    dts: int


class DeliveredFrames:
    """Reads frames of a delivered file in rising order; a gap is crossed by a seek, to the key frame before."""

    def __init__(self, path: Path, track: VideoTrack, picture: DeliveredPicture) -> None:
        """Open a file that was found to be as promised.

        Args:
            path: the file.
            track: of the source.
            picture: size and colours of the delivered frames.

        Raises:
            VerificationError: the file cannot be read.
        """
        self._path = path
        self._content = (slice(picture.content_height), slice(picture.content_width))
        self._track = replace(
            track,
            width=picture.width,
            height=picture.height,
            pixel_format="yuv420p",
            rotation_degrees=0,
            mirrored=False,
            color=picture.color,
        )
        self._decoded: Iterator[VideoFrame] = iter(())
        self._next = -1  # nothing is read yet: the first frame needs a seek, too
        try:
            self._container = av.open(file_url(path))
            self._stream = self._container.streams.video[0]
            self._pts, self._key_frames = self._index()
        except (FFmpegError, OSError, IndexError) as error:
            raise self._unreadable(str(error)) from error

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._container.close()

    def read(self, frame: int) -> Picture:
        """The picture with this index, RGB ``(H, W, 3)``, values 0..255, without the padding of odd sizes.

        Raises:
            VerificationError: it cannot be decoded.
        """
        try:
            if frame != self._next:
                self._seek(frame)
            found = next((one for one in self._decoded if one.pts == self._pts[frame]), None)
        except (FFmpegError, OSError, IndexError) as error:
            raise self._unreadable(f"frame {frame}: {error}") from error
        if found is None:
            raise self._unreadable(f"frame {frame} is not where the index says")
        self._next = frame + 1
        return to_rgb(found, self._track)[self._content]

    def _index(self) -> tuple[list[int], list[_KeyFrame]]:
        """Times of all frames, and the key frames, each in the order of the film."""
        pts: list[int] = []
        key_frames: list[_KeyFrame] = []
        for packet in self._container.demux(self._stream):
            if packet.pts is None or packet.is_discard:
                continue
            pts.append(packet.pts)
            if packet.is_keyframe:  # Matroska stores no decoding times; the first packets have none
                key_frames.append(_KeyFrame(packet.pts, packet.pts if packet.dts is None else packet.dts))
        return sorted(pts), sorted(key_frames, key=lambda key_frame: key_frame.pts)

    def _seek(self, frame: int) -> None:
        before = bisect_right(self._key_frames, self._pts[frame], key=lambda key_frame: key_frame.pts)
        # By decoding time: by presentation time, MP4's index may lead to the key frame after a reordered frame.
        self._container.seek(self._key_frames[before - 1].dts, stream=self._stream)
        self._decoded = self._container.decode(self._stream)

    def _unreadable(self, reason: str) -> VerificationError:
        return VerificationError(f"{self._path.name!r} cannot be read again: {reason}; it must not be delivered")
