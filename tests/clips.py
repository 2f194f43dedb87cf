"""Tiny real videos, each with one property that breaks naive video code. No test needs a file from elsewhere.

``make_clip("open_gop", directory)`` writes the clip and returns its path; ``CLIPS`` holds every maker by name.
Everything is encoded by the FFmpeg program of imageio-ffmpeg, which is not the library under test, on one thread, from
a moving test card.
"""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg

FRAMES = 40
SIZE = "96x64"
RATE = "24"
BT709 = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
BT2020_PQ = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
SUBRIP = "1\n00:00:00,100 --> 00:00:00,700\nfirst line\n\n2\n00:00:00,900 --> 00:00:01,500\nsecond ä 線\n"
CHAPTERS = "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n"
    for start, end, title in ((0, 500, "opening"), (500, 1200, "middle"), (1200, 1666, "end"))
)

Maker = Callable[[Path], Path]
CLIPS: dict[str, Maker] = {}


def make_clip(name: str, directory: Path) -> Path:
    """Write the clip called ``name`` into ``directory`` and return its path.

    Raises:
        KeyError: no clip has that name.
        RuntimeError: FFmpeg refused.
    """
    return CLIPS[name](directory)


def run_ffmpeg(*arguments: str | Path) -> None:
    """Run FFmpeg quietly, overwriting the output.

    Raises:
        RuntimeError: FFmpeg refused; the message holds its own words.
    """
    quiet = ("-hide_banner", "-loglevel", "error", "-nostdin", "-y")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *quiet, *map(str, arguments)]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    if completed.returncode:
        raise RuntimeError(f"ffmpeg {' '.join(map(str, arguments))}: {completed.stderr.strip()}")


def picture(size: str = SIZE, rate: str = RATE) -> tuple[str, ...]:
    """Input arguments: a coloured test card with moving parts and a frame counter."""
    return ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}")


def sound(hertz: int = 440, seconds: str = "1.7") -> tuple[str, ...]:
    """Input arguments: a rising stereo tone, so that a shift in time is audible in the samples."""
    wave = f"0.3*sin(2*PI*{hertz}*t*(1+t))"
    return ("-f", "lavfi", "-i", f"aevalsrc={wave}|0.5*{wave}:sample_rate=48000:duration={seconds}")


def x264(*, frames: int = FRAMES, pixels: str = "yuv420p", filters: str = BT709, params: str = "") -> tuple[str, ...]:
    """Output arguments: H.264 with B-frames and a key frame every 12 frames."""
    common = f"keyint=12:scenecut=0:bframes=2{params and ':' + params}"
    return (
        *("-frames:v", str(frames), "-vf", f"{filters},format={pixels}", "-c:v", "libx264", "-threads:v", "1"),
        *("-preset", "veryfast", "-x264-params", common),
    )


def clip(name: str, suffix: str, *arguments: str) -> None:
    """Register a clip that one run of FFmpeg writes."""

    def make(directory: Path) -> Path:
        path = directory / f"{name}{suffix}"
        run_ffmpeg(*arguments, path)
        return path

    CLIPS[name] = make


def maker(function: Maker) -> Maker:
    """Register a clip that needs more than one step, under the function's name."""
    CLIPS[function.__name__] = function
    return function


AAC = ("-c:a", "aac", "-b:a", "96k")
WITH_SOUND = (*picture(), *sound())
HEVC = (
    "-frames:v",
    str(FRAMES),
    "-c:v",
    "libx265",
    "-x265-params",
    "pools=none:frame-threads=1:log-level=error:keyint=10",
)
VP9 = ("-frames:v", str(FRAMES), "-c:v", "libvpx-vp9", "-threads", "1", "-deadline", "realtime", "-cpu-used", "8")
IRREGULAR = "settb=1/90000,setpts=N*3000+700*mod(N*N\\,7)"
KEEP_TIMES = ("-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000")

clip("constant_rate", ".mp4", *WITH_SOUND, *x264(), *AAC)
clip("variable_rate", ".mp4", *WITH_SOUND, *x264(filters=f"{IRREGULAR},{BT709}"), *KEEP_TIMES, *AAC)
clip("b_frames", ".mp4", *picture(rate="30000/1001"), *x264(params="bframes=5:b-adapt=0:b-pyramid=normal"))
clip("open_gop", ".mkv", *WITH_SOUND, *x264(params="open-gop=1:bframes=3:keyint=8"), *AAC)
clip("intra_refresh", ".mp4", *picture(), *x264(params="intra-refresh=1:bframes=0"))
clip("hevc", ".mp4", *WITH_SOUND, *HEVC, "-tag:v", "hvc1", *AAC)
clip("vp9_opus", ".webm", *WITH_SOUND, *VP9, "-c:a", "libopus")
clip("av1", ".mp4", *picture(), "-frames:v", "20", "-c:v", "libsvtav1", "-preset", "12", "-svtav1-params", "lp=1")
clip("transport_stream", ".ts", *WITH_SOUND, *x264(params="open-gop=1:bframes=3:keyint=8"), *AAC)
clip(
    "mpeg2_program_stream",
    ".mpg",
    *WITH_SOUND,
    "-frames:v",
    "40",
    "-c:v",
    "mpeg2video",
    "-bf",
    "2",
    "-g",
    "8",
    "-c:a",
    "mp2",
)
clip("avi", ".avi", *WITH_SOUND, "-frames:v", "40", "-c:v", "mpeg4", "-q:v", "3", "-c:a", "libmp3lame")
clip("avi_b_frames", ".avi", *picture(), *x264())
clip("flv", ".flv", *WITH_SOUND, *x264(), *AAC)
clip("fragmented", ".mp4", *WITH_SOUND, *x264(), *AAC, "-movflags", "frag_keyframe+empty_moov+default_base_moof")
clip("odd_size_444", ".mkv", *picture(), *x264(pixels="yuv444p", filters=f"scale=65:49,{BT709}"))
clip("odd_size_420", ".webm", *picture(), *VP9, "-vf", "scale=65:49,format=yuv420p")
clip("non_square_pixels", ".mp4", *picture("90x80"), *x264(filters=f"setsar=16/15,{BT709}"))
clip("ten_bit", ".mp4", *picture(), *x264(pixels="yuv420p10le"))
clip("ten_bit_422", ".mov", *picture(), "-frames:v", "12", "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")
clip("full_range", ".mp4", *picture(), *x264(pixels="yuvj420p", filters="scale=out_range=full,setparams=range=full"))
clip(
    "motion_jpeg",
    ".avi",
    *picture(),
    "-frames:v",
    "20",
    "-c:v",
    "mjpeg",
    "-pix_fmt",
    "yuvj422p",
    "-color_range",
    "full",
)
clip("gray", ".mkv", *picture(), "-frames:v", "30", "-vf", "format=gray", "-c:v", "ffv1")
clip("gray_h264", ".mkv", *picture(), *x264(pixels="gray", filters="null"))
clip("packed_422", ".mov", *picture(), "-frames:v", "12", "-pix_fmt", "uyvy422", "-c:v", "rawvideo")
clip("palette", ".mov", *picture(), "-frames:v", "12", "-pix_fmt", "pal8", "-c:v", "png")
clip("rgb", ".mkv", *picture("66x50"), "-frames:v", "20", "-c:v", "libx264rgb", "-pix_fmt", "rgb24", "-qp", "0")
clip("alpha", ".mov", *picture(), "-frames:v", "20", "-vf", "format=argb,geq=r='r(X,Y)':g='g(X,Y)':b='b(X,Y)':a='4*X'",
     "-c:v", "qtrle")  # fmt: skip
clip("one_frame", ".mp4", *picture(), *x264(frames=1))
clip("one_frame_with_sound", ".mp4", *picture(), *sound(seconds="0.5"), *x264(frames=1), *AAC)
clip("no_audio", ".mov", *picture(), *x264())
clip("two_audio", ".mp4", *picture(), *sound(440), *sound(880), "-map", "0", "-map", "1", "-map", "2", *x264(), *AAC,
     "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra")  # fmt: skip
clip("two_video", ".mp4", *picture("48x32"), *picture("96x64"), "-map", "0", "-map", "1", *x264(),
     "-disposition:v:0", "0", "-disposition:v:1", "default")  # fmt: skip
clip("pcm_16", ".mov", *WITH_SOUND, *x264(), "-c:a", "pcm_s16le")
clip("pcm_24", ".mkv", *WITH_SOUND, *x264(), "-c:a", "pcm_s24le")
clip("flac", ".mkv", *WITH_SOUND, *x264(), "-c:a", "flac")
clip("interlaced", ".ts", *picture(), *x264(filters=f"setfield=tff,{BT709}", params="tff=1"), "-flags", "+ilme+ildct")
clip("hdr", ".mkv", *picture(), "-vf", f"format=yuv420p10le,{BT2020_PQ}", *HEVC)
clip("raw_h264", ".h264", *picture(rate="25"), *x264())
clip("late_start", ".mkv", *WITH_SOUND, *x264(), *AAC, "-output_ts_offset", "3.5")


def _remux(source: str, directory: Path, name: str, *, before: tuple[str, ...]) -> Path:
    """Copy the packets of another clip into a new file, with more options before the input."""
    path = directory / name
    with tempfile.TemporaryDirectory() as scratch:
        run_ffmpeg(*before, "-i", make_clip(source, Path(scratch)), "-map", "0", "-c", "copy", path)
    return path


def _rotation(name: str, options: tuple[str, ...]) -> None:
    CLIPS[name] = lambda directory: _remux("no_audio", directory, f"{name}.mp4", before=options)


# FFmpeg's option turns counter-clockwise, so the picture must be turned clockwise by the rest of the circle.
_rotation("rotated_90", ("-display_rotation", "-90"))
_rotation("rotated_180", ("-display_rotation", "180"))
_rotation("rotated_270", ("-display_rotation", "-270"))
_rotation("mirrored", ("-display_rotation", "0", "-display_hflip"))
_rotation("mirrored_90", ("-display_rotation", "-90", "-display_hflip"))


@maker
def edit_list(directory: Path) -> Path:
    """Write an MP4 whose edit list hides the frames between the key frame and the cut."""
    return _remux("constant_rate", directory, "edit_list.mp4", before=("-ss", "0.7"))


@maker
def transport_stream_mid_gop(directory: Path) -> Path:
    """Write a transport stream whose recording began between two key frames, as a broadcast capture does."""
    with tempfile.TemporaryDirectory() as scratch:
        data = make_clip("transport_stream", Path(scratch)).read_bytes()
    tables, rest = data[: 3 * 188], data[9 * 188 :]
    path = directory / "transport_stream_mid_gop.ts"
    path.write_bytes(tables + rest)
    return path


def _with_file(name: str, extra: str, text: str, *arguments: str) -> None:
    """Register a clip that takes a second input written as a text file (subtitles, chapters)."""

    def make(directory: Path) -> Path:
        path = directory / f"{name}{arguments[-1]}"
        with tempfile.NamedTemporaryFile("w", suffix=extra, encoding="utf-8") as second:
            second.write(text)
            second.flush()
            run_ffmpeg(*picture(), *sound(), "-i", second.name, *x264(), *AAC, *arguments[:-1], path)
        return path

    CLIPS[name] = make


_ALL = ("-map", "0", "-map", "1", "-map", "2", "-metadata:s:s:0", "language=deu")
_with_file("subtitles_mov_text", ".srt", SUBRIP, *_ALL, "-c:s", "mov_text", ".mp4")
_with_file("subtitles_srt", ".srt", SUBRIP, *_ALL, "-c:s", "subrip", ".mkv")
_with_file("subtitles_ass", ".srt", SUBRIP, *_ALL, "-c:s", "ass", ".mkv")
_with_file("chapters", ".txt", f";FFMETADATA1\n{CHAPTERS}", "-map", "0", "-map", "1", "-map_chapters", "2", ".mp4")


@maker
def cover_picture(directory: Path) -> Path:
    """Write an MP4 that carries a large cover picture beside its video."""
    encoded = ("-c:v:1", "libx264", "-threads:v", "1", "-filter:v:1", f"{BT709},format=yuv420p", "-frames:v:1", "40")
    path = directory / "cover_picture.mp4"
    with tempfile.TemporaryDirectory() as scratch:
        cover = Path(scratch) / "cover.png"
        run_ffmpeg(*picture("160x160"), "-frames:v", "1", cover)
        streams = ("-map", "2", "-map", "0", "-map", "1", "-c:v:0", "copy", "-disposition:v:0", "attached_pic")
        run_ffmpeg(*WITH_SOUND, "-i", cover, *streams, *encoded, *AAC, path)
    return path
