"""The sound that belongs to a group of pictures. Pure."""

from collections.abc import Sequence

from ..media.audio import AudioFormat, AudioUnit
from ..media.cmaf import AudioSample, Sound
from ..media.video import AccessUnit

# Beyond this, frames were not lost: the clock has jumped.
_LONGEST_FRAME_S = 2


def sound_of(pictures: Sequence[AccessUnit], following: AccessUnit | None, start_us: int) -> Sound | None:
    """The sound of a group that begins at `start_us`; None where there is none.

    Sound comes with the picture after it. So what came with the next group's keyframe (`following`, None if there is
    none on the same clock) but begins before it belongs to this group, as what came with this one's belonged to the
    group before.
    """
    first = pictures[0]
    audio = first.audio
    if audio is None:
        return None
    heard = [unit for unit in first.audio_units if unit.pts_90k >= first.pts_90k]
    heard += [unit for picture in pictures[1:] for unit in picture.audio_units]
    if following is not None and following.audio == audio:
        heard += [unit for unit in following.audio_units if unit.pts_90k < following.pts_90k]
    if not heard:
        return None
    begin_us = start_us + (heard[0].pts_90k - first.pts_90k) * 100 // 9
    following_frames: list[AudioUnit | None] = [*heard[1:], None]
    return Sound(
        begin_us,
        tuple(
            AudioSample(unit.data, _lasts(unit, after, audio))
            for unit, after in zip(heard, following_frames, strict=True)
        ),
    )


def _lasts(unit: AudioUnit, after: AudioUnit | None, audio: AudioFormat) -> int:
    """Until the next frame, should frames between them have been lost; otherwise as long as a frame lasts."""
    if after is not None:
        ticks = (after.pts_90k - unit.pts_90k) * audio.sample_rate // 90_000
        if audio.frame_samples * 3 // 2 < ticks < _LONGEST_FRAME_S * audio.sample_rate:
            return ticks
    return audio.frame_samples
