"""What the attempts at styled segments say of the kills: noticed, counted apart from errors, and cheap."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from assets.delivery import gather_parts
from azurite.demo import Story
from k8s.e2e.options import E2eError
from stylize.records.attempts import ERRORS, INTERRUPTIONS, Attempt, AttemptLog
from stylize.store.keys import ContentKeys
from stylize.store.media_store import MediaStore
from stylize.video.source.plan import FRAMES_PER_CHUNK


def check_attempts(store: MediaStore, clip: str, story: Story, *, kills: int) -> None:
    """Judge the attempts at all segments of a delivered clip.

    Raises:
        E2eError: no kill was noticed, one counts as an error, or one cost a chunk or more.
    """
    parts = gather_parts(store, clip)
    keys = ContentKeys(clip, parts.source.sha256)
    logs = [AttemptLog.find(store, keys.styled_attempts(parts.settings.look, item.segment)) for item in parts.segments]
    attempts = [log.attempts for log in logs if log is not None]
    reasons = Counter(attempt.reason for those in attempts for attempt in those)
    lost = [frames for those in attempts for frames in frames_lost(those)]
    faults = [*attempt_faults(reasons, lost, kills=kills)]
    if faults:
        raise E2eError("; ".join(faults))
    story.tell(
        f"attempts: {', '.join(f'{count} {reason}' for reason, count in sorted(reasons.items()))};"
        f" painted twice, where the pod could still tell: {sum(lost)} frames in {len(lost)} interruptions"
    )


def frames_lost(attempts: Sequence[Attempt]) -> Iterator[int]:
    """Frames that were painted but not published, of each interrupted attempt whose count is known."""
    for attempt, following in pairwise(attempts):
        if attempt.reason in INTERRUPTIONS and attempt.styled_frames is not None:
            yield attempt.styled_frames - (following.resumed_frames - attempt.resumed_frames)


def attempt_faults(reasons: Counter[str], lost: Iterable[int], *, kills: int) -> Iterator[str]:
    """What is wrong with how attempts ended, by reason, and with what they lost."""
    errors = sum(reasons[reason] for reason in ERRORS)
    interruptions = sum(reasons[reason] for reason in INTERRUPTIONS)
    if errors:
        yield f"{errors} attempts count as errors, and pods were only killed"
    # A pod that was killed before its step began has left no record, and lost nothing.
    if not 1 <= interruptions <= kills:
        yield f"{interruptions} interruptions stand in the records of attempts, after {kills} kills"
    for frames in lost:
        if not 0 <= frames < FRAMES_PER_CHUNK:
            yield f"a kill cost {frames} frames, and a chunk has {FRAMES_PER_CHUNK}"
