"""What another program, FFmpeg's own command line, says about a clip."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg


def frame_table(path: Path, stream_index: int) -> tuple[Fraction, list[tuple[int, str]]]:
    """Decode with the FFmpeg program; return the time base, and per frame its pts in ticks and MD5 of the samples."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-noautorotate", "-copyts", "-i", path]
    command += [
        "-map",
        f"0:{stream_index}",
        "-fps_mode",
        "passthrough",
        "-enc_time_base",
        "demux",
        "-f",
        "framemd5",
        "-",
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    base = re.search(r"^#tb 0: (\d+/\d+)$", text, re.MULTILINE)
    if base is None:
        raise ValueError(f"no time base in FFmpeg's answer: {text[:200]!r}")
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if line and line[0] != "#"]
    return Fraction(base[1]), [(int(row[2]), row[-1]) for row in rows]
