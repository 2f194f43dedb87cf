"""What joining a clip did, in a form that goes into receipts: nothing is changed or left out without standing here."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

from stylize.video.delivery.carry import Treatment
from stylize.video.source.tracks import TrackDigest


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedTrack:
    """One stream of the source and what became of it.

    Attributes:
        treatment: what was decided.
        output_index: index of the stream in the delivered file; None where it was left out or attached.
        num_packets: packets written (of a converted stream: in the new form).
        rounding_seconds: the largest error that the media container's time base forced on a timestamp.
        digest: the source's packets as they passed by; audio only.
        samples_sha256: digest of the decoded samples; only where sound was stored in another codec.
        samples_bits: bits of a sample that the digest covers.
        samples_start_seconds: when the first of them is heard in the source; only where there is a digest of them.
    """

    treatment: Treatment
    output_index: int | None = None
    num_packets: int = 0
    rounding_seconds: Fraction = Fraction(0)
    digest: TrackDigest | None = None
    samples_sha256: str | None = None
    samples_bits: int | None = None
    samples_start_seconds: Fraction | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return fields | {
            "treatment": {name: getattr(self.treatment, name) for name in self.treatment.__slots__},
            "rounding_seconds": str(self.rounding_seconds),
            "digest": self.digest and self.digest.to_dict(),
            "samples_start_seconds": None if self.samples_start_seconds is None else str(self.samples_start_seconds),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        start = document["samples_start_seconds"]
        return cls(
            **document
            | {
                "samples_start_seconds": None if start is None else Fraction(start),
                "treatment": Treatment(**document["treatment"]),
                "rounding_seconds": Fraction(document["rounding_seconds"]),
                "digest": document["digest"] and TrackDigest.from_dict(document["digest"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchReport:
    """The delivered file against its source.

    Attributes:
        num_frames: pictures in the file.
        shift_seconds: constant that was added to every time of the source; 0 unless its clock starts anywhere.
        rounding_seconds: the largest error that the media container's time base forced on a frame's time.
        tracks: every stream of the source but the restyled one.
        notes: all that is not as in the source, in words.
    """

    num_frames: int
    shift_seconds: Fraction
    rounding_seconds: Fraction
    tracks: tuple[CarriedTrack, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; fractions become ``"num/den"`` strings."""
        return {
            "num_frames": self.num_frames,
            "shift_seconds": str(self.shift_seconds),
            "rounding_seconds": str(self.rounding_seconds),
            "tracks": [track.to_dict() for track in self.tracks],
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Self:
        """Read back what :meth:`to_dict` wrote."""
        return cls(
            num_frames=document["num_frames"],
            shift_seconds=Fraction(document["shift_seconds"]),
            rounding_seconds=Fraction(document["rounding_seconds"]),
            tracks=tuple(CarriedTrack.from_dict(track) for track in document["tracks"]),
            notes=tuple(document["notes"]),
        )
