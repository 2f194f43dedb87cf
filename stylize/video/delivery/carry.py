"""What becomes of every stream of the source that is not the restyled picture, given the delivered media container.

Copying packets is the rule. What a media container, or the players of such files, cannot take is stored losslessly in
another codec; text subtitles change their form; the rest is left out, and says so by name.
"""

import dataclasses
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from av.container import InputContainer
from av.stream import DataStream, Disposition, Stream
from av.video.stream import VideoStream

from stylize.errors import MuxError
from stylize.video.source.manifest import VideoManifest

Action = Literal["copy", "transcode", "convert", "attach", "drop"]

# Muxers by the suffix of the delivered file.
MUXERS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}

# The muxers would accept these, but players would not play them.
UNPLAYABLE: Final = {
    "mp4": frozenset({"pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "truehd", "mlp"}),
    "mov": frozenset({"flac", "opus", "vorbis", "truehd", "mlp"}),
    "matroska": frozenset(),
}

# Lossless homes of decoded sound, by muxer: for up to 24 bits a sample (enough for what was lossy before), and for 32.
# Browsers play FLAC in MP4; QuickTime plays ALAC.
LOSSLESS: Final = {
    "mp4": ("flac", "pcm_s32le"),
    "mov": ("alac", "pcm_s32le"),
    "matroska": ("flac", "pcm_s32le"),
}
WIDE_CODECS: Final = frozenset({"pcm_s32le", "pcm_s32be", "pcm_s32le_planar", "pcm_u32le", "pcm_u32be"})

TEXT_SUBTITLES: Final = frozenset({"subrip", "srt", "ass", "ssa", "text", "webvtt", "mov_text"})
SUBTITLE_FORM: Final = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}

COVER_TYPES: Final = {"mjpeg": "image/jpeg", "png": "image/png"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What is done with one stream of the source.

    Attributes:
        stream_index: index of the stream in the source.
        kind: ``audio``, ``subtitle``, ``video``, ``data`` or ``attachment``.
        action: copied as it is, stored losslessly in another codec, put into another text form, attached, or left out.
        codec: the source's codec, by FFmpeg's name.
        new_codec: the codec in the delivered file; None where the stream is left out.
        reason: why it is not copied; empty where it is.
    """

    stream_index: int
    kind: str
    action: Action
    codec: str
    new_codec: str | None
    reason: str = ""

    def dropped(self, reason: str) -> Self:
        """The same stream left out after all."""
        return dataclasses.replace(self, action="drop", new_codec=None, reason=reason)


def muxer_of(output: Path) -> str:
    """FFmpeg's muxer for a delivered file, by its suffix.

    Raises:
        MuxError: the suffix is not one that is delivered.
    """
    muxer = MUXERS.get(output.suffix.lower())
    if muxer is None:
        raise MuxError(f"{output.name!r} must end in one of {', '.join(sorted(MUXERS))}")
    return muxer


def treatments(
    source: InputContainer, manifest: VideoManifest, muxer: str, supported: Set[str]
) -> tuple[Treatment, ...]:
    """Decide for every stream but the restyled one.

    Args:
        source: the source, open.
        manifest: names the restyled stream.
        muxer: ``mp4``, ``mov`` or ``matroska``.
        supported: names of the codecs that the muxer accepts.
    """
    has_chapters = bool(manifest.num_chapters)
    others = [stream for stream in source.streams if stream.index != manifest.video.stream_index]
    # MP4 stores a cover picture outside its tracks: added last, it does not change the number of any track.
    others.sort(key=lambda stream: stream.type == "video")
    return tuple(_treatment(stream, muxer, supported, has_chapters=has_chapters) for stream in others)


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec, ``unknown`` where it has no decoder."""
    context = stream.codec_context
    return "unknown" if context is None else context.codec.canonical_name


def _treatment(stream: Stream, muxer: str, supported: Set[str], *, has_chapters: bool) -> Treatment:
    codec = codec_name(stream)
    kind = stream.type
    is_held = codec in supported or (stream.codec_context is not None and stream.codec_context.name in supported)
    if kind == "audio":
        action, new_codec, reason = _audio(codec, muxer, is_held=is_held)
    elif kind == "subtitle":
        action, new_codec, reason = _subtitle(codec, muxer, is_held=is_held)
    elif kind == "video":
        action, new_codec, reason = _second_video(stream, codec, muxer)
    elif kind == "attachment" and muxer == "matroska":
        action, new_codec, reason = "copy", codec, ""
    elif has_chapters and isinstance(stream, DataStream) and stream.name == "bin_data":
        action, new_codec, reason = "drop", None, ""  # How MP4 stores its chapters; they are carried as such.
    else:
        action, new_codec, reason = "drop", None, f"{kind} streams cannot be carried in this media container"
    return Treatment(
        stream_index=stream.index, kind=kind, action=action, codec=codec, new_codec=new_codec, reason=reason
    )


def _audio(codec: str, muxer: str, *, is_held: bool) -> tuple[Action, str | None, str]:
    if codec == "unknown":
        return "drop", None, "there is no decoder for it"
    if is_held and codec not in UNPLAYABLE[muxer]:
        return "copy", codec, ""
    usual, wide = LOSSLESS[muxer]
    return "transcode", wide if codec in WIDE_CODECS else usual, f"players do not play {codec} from {muxer}"


def _subtitle(codec: str, muxer: str, *, is_held: bool) -> tuple[Action, str | None, str]:
    form = SUBTITLE_FORM[muxer]
    if is_held and codec != "unknown":
        return "copy", codec, ""
    if codec in TEXT_SUBTITLES:
        return "convert", form, f"{muxer} holds text subtitles as {form}"
    return "drop", None, f"{codec} subtitles are pictures or of a kind that {muxer} cannot hold"


def _second_video(stream: Stream, codec: str, muxer: str) -> tuple[Action, str | None, str]:
    is_cover = isinstance(stream, VideoStream) and bool(stream.disposition & Disposition.attached_pic)
    if not is_cover:
        return "drop", None, "only one picture is restyled, and an unstyled one must not be shown in its place"
    if codec not in COVER_TYPES or muxer == "mov":
        return "drop", None, f"a cover picture in {codec} cannot be carried"
    return ("attach" if muxer == "matroska" else "copy"), codec, ""
