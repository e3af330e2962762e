"""The sound of a virtual MP4 (`clip`): where it lies, and when it is heard."""

from collections.abc import Sequence

import numpy as np

from .audio import AudioFormat
from .clip_tables import TrackTables
from .cmaf import AudioRun
from .movie import TIMESCALE, audio_track, edit_list

# Sound goes on where it stopped if it would begin this much earlier or later: rounding, and clocks that drift.
_SAME_PLACE_S = 0.01


class ClipSound:
    """Takes runs of sound in the order of their time. The track's timescale is the first format's sample rate."""

    def __init__(self) -> None:
        self._formats: list[AudioFormat] = []
        self._tables = TrackTables()
        self._first = self._end = 0
        self._held: int | None = None

    @property
    def audio(self) -> AudioFormat | None:
        """The first format; None without any sound."""
        return self._formats[0] if self._formats else None

    def add(self, audio: AudioFormat, run: AudioRun, shift_90k: int, position: int) -> None:
        """A run whose bytes lie at `position` of the clip's data. Its file's time plus `shift_90k` is the clip's."""
        if not len(run.sizes):
            return
        if audio not in self._formats:
            self._formats.append(audio)
        rate, own = self._formats[0].sample_rate, audio.sample_rate
        begin = round(shift_90k * rate / TIMESCALE + run.base * rate / own)
        durations = run.durations.astype(np.int64) * rate // own
        sizes = run.sizes
        if self._held is None:
            self._first = self._end = begin
        if abs(begin - self._end) <= rate * _SAME_PLACE_S:
            begin = self._end
        elif begin < self._end:
            # Heard already.
            starts = begin + np.cumsum(durations) - durations
            kept = int(np.searchsorted(starts, self._end))
            position += int(sizes[:kept].sum(dtype=np.int64))
            sizes, durations = sizes[kept:], durations[kept:]
            if not len(sizes):
                return
            begin = int(starts[kept])
        if self._held is not None:
            # Silence is a frame that lasts until the next one.
            self._tables.durations.add(np.array([self._held + begin - self._end]))
        self._tables.durations.add(durations[:-1])
        self._held = int(durations[-1])
        self._end = begin + int(durations.sum())
        self._tables.add_sizes(sizes)
        self._tables.add_chunks([len(sizes)], [position], self._formats.index(audio) + 1)

    def finish(self) -> None:
        """Nothing more comes."""
        if self._held is not None:
            self._tables.durations.add(np.array([self._held]))
            self._held = None

    def tracks(self, data_position: int, skip_90k: int, play_90k: int, creation_s: int) -> Sequence[bytes]:
        """The track, if there is any sound. The clip's pictures begin `skip_90k` after its data do."""
        if not self._formats:
            return ()
        rate = self._formats[0].sample_rate
        late = self._first - skip_90k * rate // TIMESCALE
        heard_90k = max(1, min(play_90k, (self._end * TIMESCALE // rate) - skip_90k))
        silent_90k = min(max(0, late * TIMESCALE // rate), heard_90k)
        return (
            audio_track(
                self._formats,
                self._tables.boxes(data_position, only_first_is_key=False),
                duration_90k=heard_90k,
                media_duration=self._end - self._first,
                creation_s=creation_s,
                edits=edit_list(max(0, -late), heard_90k - silent_90k, silent_90k),
            ),
        )
