"""What a deployment sets. The only reader of the environment; called from definitions.py and the command line.

Every setting has an environment variable ``STYLIZE_<NAME>`` and a default that suits a laptop.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_type_hints

from dagster_project.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of one deployment.

    Attributes:
        home: folder of everything a local deployment keeps: the store, the Dagster instance, leases, scratch files.
        styles_dir: folder of the shipped styles.
        default_style: style of a clip that names none.
        device: where frames are styled; ``auto`` takes a CUDA device if there is one.
        precision: arithmetic of the networks; ``auto`` takes the fastest that the device does well.
        max_pixels: largest accepted picture, in pixels.
        max_frames: longest accepted clip, in frames.
        decode_stall_seconds: a decoder that yields nothing for so long is stopped.
        decode_total_seconds: a decoder that runs longer than this is stopped.
    """

    home: Path = Path(".stylize")
    styles_dir: Path = PROJECT_ROOT / "styles"
    default_style: str = "starry-night"
    device: Device = "auto"
    precision: Precision = "auto"
    max_pixels: int = 36_000_000
    max_frames: int = 400_000
    decode_stall_seconds: int = 60
    decode_total_seconds: int = 6 * 3600

    @property
    def store_dir(self) -> Path:
        """Folder of the local media store."""
        return self.home / "store"

    @property
    def dagster_dir(self) -> Path:
        """DAGSTER_HOME of the local instance."""
        return self.home / "dagster"

    @property
    def leases_dir(self) -> Path:
        """Folder of the lock files that keep processes off each other's clip."""
        return self.home / "leases"

    @property
    def scratch_dir(self) -> Path:
        """Folder of temporary files."""
        return self.home / "scratch"

    def at(self, home: Path | None) -> Self:
        """These settings with another home, made absolute; the same home where ``home`` is None."""
        return replace(self, home=(home or self.home).expanduser().absolute())


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables.

    Args:
        environment: the variables to read; those of the process by default.

    Raises:
        SettingsError: a variable has a value that its setting cannot take.
    """
    environment = os.environ if environment is None else environment
    hints = get_type_hints(Settings)
    values = {
        field.name: _parse(f"STYLIZE_{field.name.upper()}", environment[variable], hints[field.name])
        for field in fields(Settings)
        if (variable := f"STYLIZE_{field.name.upper()}") in environment
    }
    return Settings(**values).at(None)


def _parse(variable: str, text: str, kind: Any) -> Any:
    if kind is Path:
        return Path(text)
    if kind is int:
        if not text.isdecimal() or int(text) < 1:
            raise SettingsError(f"{variable}={text!r}: expected a whole number of at least 1")
        return int(text)
    allowed = get_args(kind)
    if allowed and text not in allowed:
        raise SettingsError(f"{variable}={text!r}: expected one of {', '.join(allowed)}")
    return text
