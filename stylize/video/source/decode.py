"""Decode the picture track of untrusted input once, in order, and refuse what is damaged. Used inside the sandbox."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from stylize.errors import DecodeError, ProbeError, VideoError
from stylize.sandbox.limits import DecodeLimits
from stylize.video.source.open import check_size, open_untrusted, picture_stream, quoted
from stylize.video.source.truncation import structural_fault

OnFrames = Callable[[int], None]
# A recording in one of these may begin between two key frames. What cannot be decoded before the first is not damage:
# the decoders show nothing until they have a whole picture to start from.
_STARTS_ANYWHERE = {"mpegts", "mpeg", "h264", "hevc", "vvc", "obu", "m4v", "mpegvideo", "vc1"}
# Only these hold an index with one entry per packet; elsewhere it lists key frames or points in time.
_INDEXES_EVERY_PACKET = ("mov,", "avi")
_SEND_AGAIN = "send it again whole, or repair it first, e.g. with 'ffmpeg -i IN OUT.mkv'"


class PictureReader:
    """One linear pass over the frames to restyle.

    The first decoded frame fixes size and pixel format. Frames come in presentation order, as the decoder gives them.
    """

    def __init__(self, path: Path, limits: DecodeLimits) -> None:
        """Open the file.

        Raises:
            ProbeError: it is not a video that can be processed.
            DecodeError: it is one, but damaged or cut off.
        """
        self.path = path
        self.limits = limits
        self.num_frames = 0
        self.container = open_untrusted(path, limits)
        self.stream: VideoStream = picture_stream(self.container, path)
        self._starts_anywhere = self.container.format.name in _STARTS_ANYWHERE
        self._num_packets = 0
        self._geometry: tuple[int, int, str] | None = None
        if fault := structural_fault(path):
            raise DecodeError(f"{quoted(path)} is damaged or cut off: {fault}; {_SEND_AGAIN}")

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self.container.close()

    def frames(self, on_frames: OnFrames) -> Iterator[VideoFrame]:
        """Yield every frame; call ``on_frames`` with the count so far after every packet, frames or not.

        Raises:
            ProbeError: more frames than the cap, or size or pixel format change.
            DecodeError: no frames, damage that the decoder or the media container reports, or packets are missing.
        """
        for packet in self._packets():
            for frame in self._decode(packet):
                self._check(frame)
                self.num_frames += 1
                yield frame
            on_frames(self.num_frames)
        self._check_complete()

    def _packets(self) -> "Iterator[Packet[VideoStream]]":
        key_frame_seen = not self._starts_anywhere
        try:
            for packet in self.container.demux(self.stream):
                key_frame_seen |= packet.is_keyframe
                if packet.is_corrupt and key_frame_seen:
                    raise self._damaged("a packet is incomplete")
                self._num_packets += packet.size > 0
                yield packet
        except MemoryError:
            raise
        except (FFmpegError, ValueError) as error:
            raise self._damaged(str(getattr(error, "strerror", None) or error)) from error

    def _decode(self, packet: "Packet[VideoStream]") -> list[VideoFrame]:
        try:
            frames = packet.decode()
        except MemoryError:
            raise
        except (FFmpegError, ValueError) as error:
            if self._starts_anywhere and not self.num_frames:
                return []
            raise self._damaged(str(getattr(error, "strerror", None) or error)) from error
        if any(frame.is_corrupt for frame in frames):
            raise self._damaged("the decoder reports corruption")
        return frames

    def _damaged(self, reason: str) -> VideoError:
        if self.num_frames == 0 and self.stream.width * self.stream.height == 0:
            return ProbeError(
                f"{quoted(self.path)} does not tell the size of its frames, or it is far more than the cap of "
                f"{self.limits.max_pixels:,} pixels; scale it down"
            )
        return DecodeError(f"{quoted(self.path)} is damaged after frame {self.num_frames} ({reason}); {_SEND_AGAIN}")

    def _check(self, frame: VideoFrame) -> None:
        geometry = (frame.width, frame.height, frame.format.name)
        if self._geometry is None:
            self._geometry = geometry
        elif geometry != self._geometry:
            was, now = ("{}x{} {}".format(*value) for value in (self._geometry, geometry))
            raise ProbeError(
                f"{quoted(self.path)} changes from {was} to {now} at frame {self.num_frames}; "
                "expected one size and pixel format throughout: convert it first"
            )
        check_size(frame.width, frame.height, self.path, self.limits)
        if self.num_frames >= self.limits.max_frames:
            raise ProbeError(
                f"{quoted(self.path)} has more than {self.limits.max_frames:,} frames, the cap; "
                "cut it, or raise the cap"
            )

    def _check_complete(self) -> None:
        """Compare with the index: a file cut behind its index decodes to the cut without complaint."""
        if self.container.format.name.startswith(_INDEXES_EVERY_PACKET):
            declared = sum(entry.size > 0 for entry in self.stream.index_entries)
            if self._num_packets < declared:
                raise DecodeError(
                    f"{quoted(self.path)} is cut off or damaged: its index declares {declared} packets, "
                    f"{self._num_packets} can be read; {_SEND_AGAIN}"
                )
        if not self.num_frames:
            raise self._damaged("no frame can be decoded")
