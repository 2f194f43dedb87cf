"""The small JSON documents that steps leave in the store for the steps after them.

A record is written when what it describes is complete, so its presence means "done"; it names the digest of every
object it stands for.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stylize import code_versions
from stylize.errors import IntegrityError, ObjectMissingError, PreconditionError
from stylize.store.media_store import MediaStore
from stylize.style.controls.controls import USUAL_STYLE_SCALE, Controls
from stylize.style.controls.quality import Quality
from stylize.video.source.plan import Segment


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base: a dataclass of JSON values that can be stored and read back."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        return cls(**document)

    def write(self, store: MediaStore, key: str) -> None:
        """Store under ``key``, replacing what lies there; nothing is written if that is the same record.

        Raises:
            PreconditionError: another writer was first with another record, which is left as it is.
        """
        content = self.to_json()
        present = store.stat(key)
        if present is not None and store.read_bytes(key) == content:
            return
        try:
            store.put(key, content, if_absent=present is None, if_match=present.etag if present else None)
        except PreconditionError:
            if store.read_bytes(key) != content:
                raise

    def to_json(self) -> bytes:
        """What is stored."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False).encode()

    def write_once(self, store: MediaStore, key: str) -> None:
        """Store under ``key`` unless a record lies there already, which is left as it is."""
        with suppress(PreconditionError):
            store.put(key, self.to_json(), if_absent=True)

    @classmethod
    def read(cls, store: MediaStore, key: str) -> Self:
        """Read the record at ``key``.

        Raises:
            ObjectMissingError: there is none.
            IntegrityError: what lies there is no such record.
        """
        try:
            return cls.from_dict(json.loads(store.read_bytes(key)))
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(f"the record {key!r} cannot be read ({error}); materialize its asset again") from error

    @classmethod
    def find(cls, store: MediaStore, key: str) -> Self | None:
        """Read the record at ``key``; None if there is none, or none that can be read."""
        try:
            return cls.read(store, key)
        except (ObjectMissingError, IntegrityError):
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration(Record):
    """Which uploaded object a clip is."""

    landing_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord(Record):
    """Which content of a clip was read last; ``etag`` is that of the landing object at that time."""

    landing_key: str
    etag: str
    size_bytes: int
    sha256: str
    code_version: str = code_versions.SCAN


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleRecord(Record):
    """Which checkpoint a style uses, and how it came about if it was refined here.

    Attributes:
        style: its name.
        title: for people.
        description: one line on how it looks.
        model_key: where the checkpoint lies.
        sha256: of the checkpoint.
        order: digest of image, recipe and material that it was refined for; empty if it was not refined here.
        image_sha256: of the image that it was made from.
        networks_sha256: of the networks for any painting that it was made with, unless it was refined since.
        style_scale: width of its strokes, unless a clip asks for another, see ``controls.Controls``.
        recipe: what refining was told.
        metrics: measured after refining: ``pan_error`` of each quality, see ``stylize.style.refining.metrics``.
        losses: of the last iteration, unweighted.
        seconds: that refining took, in the process that finished it.
        sample_key: where a photograph before and after lies.
    """

    style: str
    title: str
    description: str
    model_key: str
    sha256: str
    order: str = ""
    image_sha256: str = ""
    networks_sha256: str = ""
    style_scale: float | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    losses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    sample_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondStyle(Record):
    """The style that is mixed into the first.

    Attributes:
        style: its name.
        model_key: where its checkpoint lies.
        model_sha256: digest of that checkpoint.
        share: of it in the mixture, 0..1.
    """

    style: str
    model_key: str
    model_sha256: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipSettings(Record):
    """How a clip shall look, with everything resolved: no "auto", no name without its digest.

    Attributes:
        style: name of the style.
        model_key: where its checkpoint lies.
        model_sha256: digest of that checkpoint.
        quality: which of its networks.
        device: ``cpu`` or ``cuda``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        engine: the library that computes: ``torch`` or ``openvino``.
        media_container: suffix of the delivered file: ``mp4``, ``mov`` or ``mkv``.
        strength, keep_colors, style_scale: see :class:`stylize.style.controls.controls.Controls`.
        style_weight: 0..1, from the clip's own style, see :mod:`assets.own_style`, to that of the painting.
        steady_shots: whether all frames of a shot are painted by one set of statistics.
        second: another style to mix in.
    """

    style: str
    model_key: str
    model_sha256: str
    device: str
    precision: str
    engine: str = "torch"
    quality: Quality = "best"
    media_container: str = "mp4"
    strength: float = 1.0
    keep_colors: bool = False
    style_scale: float | None = None
    style_weight: float = 1.0
    steady_shots: bool = False
    second: SecondStyle | None = None

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote, now or before there were controls."""
        second = document.get("second")
        return cls(**{**document, "second": SecondStyle(**second) if second else None})

    @property
    def controls(self) -> Controls:
        """What is done around the networks."""
        return Controls(
            strength=self.strength,
            keep_colors=self.keep_colors,
            style_scale=self.style_scale,
            share=self.second.share if self.second else 0.0,
        )

    @property
    def look(self) -> str:
        """SHA-256 over all that decides the styled pixels and their encoding, code included."""
        parts: list[Any] = [self.model_sha256, self.engine, self.device, self.precision]
        parts += [code_versions.STYLE, code_versions.ENCODE]
        if self.controls != Controls():
            # Only then: what was styled before there were controls is still what their defaults give.
            parts += [self.controls.to_dict(), self.second.model_sha256 if self.second else ""]
        if self.steady_shots:
            parts.append("steady shots")
        if self.quality != "best":
            parts.append(self.quality)
        if self.style_weight != 1:
            parts.append(f"style weight {self.style_weight}")
        return digest_of(parts)

    def describe_controls(self) -> str:
        """The controls that are set, for people; "none" if none is."""
        strength = [f"strength {self.strength:.4g}"] if self.strength != 1 else []
        weight = [f"style weight {self.style_weight:.4g}"] if self.style_weight != 1 else []
        colors = ["colors of the source"] if self.keep_colors else []
        is_usual = self.style_scale in (None, USUAL_STYLE_SCALE)
        scale = [] if is_usual else [f"brush {self.style_scale:.4g} of the height"]
        steady = ["steady shots"] if self.steady_shots else []
        second = [f"{self.second.share:.4g} of {self.second.style}"] if self.second else []
        return ", ".join([*second, *strength, *weight, *colors, *scale, *steady]) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkObject(Record):
    """One stored chunk: frames ``[start, stop)`` of the clip."""

    index: int
    start: int
    stop: int
    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRecord(Record):
    """The complete chunks of one segment; ``settings`` only where they are styled."""

    segment: int
    start: int
    stop: int
    chunks: tuple[ChunkObject, ...]
    settings: ClipSettings | None = None

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        chunks = tuple(ChunkObject(**chunk) for chunk in document.pop("chunks"))
        settings = document.pop("settings")
        return cls(chunks=chunks, settings=ClipSettings.from_dict(settings) if settings else None, **document)

    @classmethod
    def of(cls, segment: Segment, objects: Mapping[int, ChunkObject], settings: ClipSettings | None = None) -> Self:
        """The record of ``segment``, given the stored object of each of its chunks by chunk index."""
        chunks = tuple(objects[chunk.index] for chunk in segment.chunks)
        return cls(segment=segment.index, start=segment.start, stop=segment.stop, chunks=chunks, settings=settings)

    @property
    def num_frames(self) -> int:
        """Frames in the segment."""
        return self.stop - self.start

    @property
    def size_bytes(self) -> int:
        """Stored bytes."""
        return sum(chunk.size_bytes for chunk in self.chunks)

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of the chunks, in order."""
        return digest_of([chunk.sha256 for chunk in self.chunks])


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Record):
    """The current delivery of a clip: its three objects, each with the digest that it must have."""

    delivery: str
    video_key: str
    video_sha256: str
    table_key: str
    table_sha256: str
    receipt_key: str
    receipt_sha256: str


def digest_of(value: Any) -> str:
    """SHA-256 (hex) of a JSON value in canonical form."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 (hex) of a file, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
