"""Why a camera's footage is missing."""

from enum import StrEnum


class Cause(StrEnum):
    """Why a camera's footage is missing."""

    CAMERA_UNREACHABLE = "camera_unreachable"
    AUTHENTICATION_REFUSED = "authentication_refused"
    UNSUPPORTED_STREAM = "unsupported_stream"
    CORRUPT_STREAM = "corrupt_stream"
    NO_KEYFRAME = "no_keyframe"
    PACKETS_LOST = "packets_lost"
    PAUSED = "paused"
    RECONFIGURED = "reconfigured"
    RECORDER_STOPPED = "recorder_stopped"
    RECORDER_FAILED = "recorder_failed"
    DISK = "disk"
    CLOCK_UNSET = "clock_unset"
    CLOCK_STEPPED = "clock_stepped"
    FILE_MISSING = "file_missing"
