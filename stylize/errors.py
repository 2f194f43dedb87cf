"""The errors that pure code raises.

Every message is one line that names the value, what was expected and what to do about it: it is shown to operators as
it stands, without a stack trace. All of these are permanent (trying again with the same input fails again) unless the
class says otherwise; ``assets`` turn permanent ones into failures that Dagster does not retry.
"""

import errno

# What the operating system says when a device, a quota or the allowed size of a file is exhausted.
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StylizeError(Exception):
    """Base of every error that carries a message for the user."""

    permanent = True


class SettingsError(StylizeError):
    """A setting or an option has a value that cannot be used."""


class VideoError(StylizeError):
    """Base of what can go wrong with a video."""


class ProbeError(VideoError):
    """The input is not a video that can be processed: wrong kind of file, over a cap, no picture."""


class DecodeError(VideoError):
    """The input is a video but damaged: truncated, corrupt, or it does not decode in time."""


class EncodeError(VideoError):
    """Frames could not be encoded."""


class MuxError(VideoError):
    """Chunks and tracks could not be joined exactly into the delivered file."""


class VerificationError(VideoError):
    """A finished file is not what the manifest promises; it must not be delivered."""


class StyleError(StylizeError):
    """A style is unknown, or its checkpoint cannot be used."""


class StoreError(StylizeError):
    """Base of what can go wrong with stored objects."""


class ObjectMissingError(StoreError):
    """No object lies under that key."""


class IntegrityError(StoreError):
    """The bytes of a stored object do not have the digest that its manifest names."""


class PreconditionError(StoreError):
    """Another writer was first: the object exists already, or its ETag has changed."""

    permanent = False


class StoreFullError(StoreError):
    """The device that holds the store has no space left."""

    permanent = False


class StoreAccessError(StoreError):
    """The store refuses what these credentials ask: a right is missing, or they are wrong or have expired."""


class StoreUnavailableError(StoreError):
    """The store did not answer, however often it was asked; a later attempt may find it well again."""

    permanent = False


class AlertError(StylizeError):
    """A message about failures could not be delivered; a later attempt may find the webhook well again."""

    permanent = False


class AlertRefusedError(AlertError):
    """The webhook does not accept this message."""

    permanent = True


class RetirementError(StylizeError):
    """A clip cannot be retired now."""


class AttemptsSpentError(StylizeError):
    """A step was tried as often as it may be."""


class ApprovalError(StylizeError):
    """A clip waits for approval of its cost, or cannot be approved."""


class RepairError(StylizeError):
    """A damage that was found cannot be mended now."""


class StepFailedError(StylizeError):
    """A step failed for a reason that is not the user's: a bug, or a machine in trouble."""
