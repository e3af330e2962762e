"""A camera's pictures and sound as interleaved RTP, with the quirks it has. Pure: instants come in as arguments."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from safe_community_recorder.media.audio import AudioFormat
from safe_community_recorder.media.codec import CODECS
from safe_community_recorder.media.video import AccessUnit, join_annexb
from tests.cameras.packets import (
    aac,
    fragment_head,
    fragments,
    interleaved,
    kind_of,
    ntp_of,
    rtp,
    sender_report,
    together,
    whole,
)
from tests.cameras.quirks import StreamQuirks

PICTURE_90K = 9_000
VIDEO_TYPE, SOUND_TYPE, _PCMA_TYPE, _ALIEN_TYPE = 96, 97, 8, 50
UNKNOWN_CHANNEL = 77
_PARAMETER_SETS = {"h264": (7, 8), "h265": (32, 33, 34)}
_SEI = {"h264": (6,), "h265": (39, 40)}
_ERA_US = (1 << 32) * 1_000_000
_1970_TO_ERA_1_US = _ERA_US - 2_208_988_800 * 1_000_000


@dataclass(frozen=True, slots=True)
class _Part:
    """A payload before it has a header; `kind` is the NAL unit's type, `ends` whether it ends one."""

    payload: bytes
    kind: int
    ends: bool
    timestamp: int


class PictureStream:
    """The pictures again and again, each as the frames that carry it.

    `begin_us` is the UTC of the time 0 of the footage; sender reports tell it. `ssrc` is what SETUP says.
    """

    def __init__(
        self, units: Sequence[AccessUnit], quirks: StreamQuirks, channel: int, begin_us: int, ssrc: int
    ) -> None:
        self._units = units
        self._quirks = quirks
        self._channel = channel
        self._begin_us = begin_us
        self._codec = units[0].video.codec
        self._rng = random.Random(7)
        self._ssrc = ssrc + 1 if quirks.ssrc == "other than told" else ssrc
        self.first_sequence = self._sequence = 65_500
        self.first_timestamp = 0 if quirks.timestamps == "zero" else 0x1234_5678
        if quirks.timestamps == "wrapping":
            self.first_timestamp = (1 << 32) - 90_000
        self._number = self._order = self._packets = self._octets = 0

    def unit(self, number: int) -> tuple[AccessUnit, int]:
        """A picture by its number since the connection began, and its time of showing in 1/90000 s."""
        loops, place = divmod(number, len(self._units))
        unit = self._units[place]
        return unit, unit.pts_90k + loops * len(self._units) * PICTURE_90K

    def picture(self) -> list[bytes]:
        """The next picture's frames, and what else the camera says between them."""
        number = self._number
        self._number += 1
        unit, _ = self.unit(number)
        if unit.is_key and number:
            if self._quirks.ssrc == "by group":
                self._ssrc += 1
            if self._quirks.sequence == "by group":
                self._sequence = self._rng.randrange(1 << 16)
        frames = list(self._report(number)) if unit.is_key else []
        parts = list(self._parts(unit, number))
        for place, part in enumerate(parts):
            frames += self._between()
            frames.append(self._frame(part, last=place == len(parts) - 1))
        return frames

    def _stamp(self, number: int) -> int:
        if self._quirks.timestamps == "zero":
            return 0
        _, pts_90k = self.unit(max(0, number - number % self._quirks.units_per_timestamp))
        return self.first_timestamp + pts_90k

    def _parts(self, unit: AccessUnit, number: int) -> Iterator[_Part]:
        quirks, stamp = self._quirks, self._stamp(number)
        sets: tuple[bytes, ...] = ()
        if unit.is_key and quirks.sets != "sdp":
            sets = unit.video.parameter_sets
        if quirks.sets == "with the picture before" and sets:
            before = self._stamp(number - 1) if number else stamp - PICTURE_90K
            for nal in sets:
                yield _Part(nal, kind_of(self._codec, nal), True, before)
            sets = ()
        nals = [*sets, *unit.nals]
        if quirks.sets == "before each slice":
            nals = [nal for slice_nal in unit.nals for nal in (*sets, slice_nal)]
        if quirks.start_codes:
            nals = [join_annexb(nals)[4:]]
        small = [nal for nal in nals[:-1] if len(nal) < 400]
        if quirks.aggregated and small:
            yield _Part(together(self._codec, small, self._next_order()), kind_of(self._codec, small[0]), True, stamp)
            nals = [nal for nal in nals if nal not in small]
        for nal in nals:
            payloads = self._payloads(nal)
            for place, payload in enumerate(payloads):
                yield _Part(payload, kind_of(self._codec, nal), place == len(payloads) - 1, stamp)

    def _payloads(self, nal: bytes) -> list[bytes]:
        quirks, codec, order = self._quirks, self._codec, self._next_order()
        if len(nal) <= quirks.most_bytes and quirks.fragments != "always":
            return [whole(codec, nal, order)]
        payloads = fragments(codec, nal, quirks.most_bytes, order)
        if quirks.fragments == "with an empty one":
            payloads.insert(1, fragment_head(codec, nal, 0))
        if quirks.fragments == "mistyped":
            head = fragment_head(codec, CODECS[codec].delimiter, 0)
            for place, payload in enumerate(payloads[1:], 1):
                flags = payload[len(head) - 1] & 0xC0
                payloads[place] = payload[: len(head) - 1] + (head[-1] | flags).to_bytes() + payload[len(head) :]
        if quirks.fragments == "reserved bit" and codec == "h264":
            payloads = [payload[:1] + (payload[1] | 0x20).to_bytes() + payload[2:] for payload in payloads]
        return payloads

    def _next_order(self) -> int | None:
        if not self._quirks.decoding_order:
            return None
        self._order += 1
        return self._order

    def _frame(self, part: _Part, *, last: bool) -> bytes:
        quirks = self._quirks
        packet = rtp(
            part.payload,
            self._sequence,
            part.timestamp,
            self._ssrc,
            VIDEO_TYPE,
            marker=self._is_marked(part, last=last),
            csrcs=(1, 2, 3) if quirks.header == "contributed" else (),
            extension=bytes(range(12)) if quirks.header == "extended" else b"",
            padding=7 if quirks.header == "padded" else 0,
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._packets += 1
        self._octets += len(part.payload)
        return interleaved(self._channel, packet)

    def _is_marked(self, part: _Part, *, last: bool) -> bool:
        kind = self._quirks.markers
        if self._quirks.sets == "with the picture before" and part.kind in _PARAMETER_SETS[self._codec]:
            return part.kind == _PARAMETER_SETS[self._codec][0]
        if kind == "none":
            return False
        marked = last or kind == "packets" or (kind == "nal units" and part.ends)
        return marked or (kind == "sei" and part.kind in _SEI[self._codec])

    def _between(self) -> Iterator[bytes]:
        if self._quirks.alien_packets:
            alien = rtp(b"\0" * 48, self._sequence - 1, self.first_timestamp, self._ssrc, _ALIEN_TYPE, marker=True)
            yield interleaved(self._channel, alien)
        if self._quirks.between == "empty lines":
            yield b"\r\n"
        elif self._quirks.between == "rubbish":
            yield b"\0" + self._rng.randbytes(36)
        elif self._quirks.between == "unknown channel":
            yield interleaved(UNKNOWN_CHANNEL, rtp(self._rng.randbytes(200), self._packets, 0, 5, _PCMA_TYPE))
        elif self._quirks.between == "private channel":
            yield interleaved(UNKNOWN_CHANNEL, self._rng.randbytes(200))

    def _report(self, number: int) -> Iterator[bytes]:
        _, pts_90k = self.unit(number)
        utc_us = self._begin_us + pts_90k * 100 // 9
        quirk = self._quirks.reports
        if quirk == "none":
            return
        if quirk == "hours off":
            utc_us += 3 * 3_600_000_000
        elif quirk == "1970":
            utc_us = pts_90k * 100 // 9
        elif quirk == "2036":
            utc_us = _1970_TO_ERA_1_US + 3_600_000_000 + pts_90k * 100 // 9
        ntp = 0 if quirk == "zero" else ntp_of(utc_us)
        ssrc = self._ssrc + 99 if quirk == "of another source" else self._ssrc
        report = sender_report(ssrc, ntp, self._stamp(number), self._packets, self._octets)
        yield interleaved(self._channel + 1, report)


class SoundStream:
    """The frames of sound again and again; `begin_us` is the UTC of the first one."""

    def __init__(self, audio: AudioFormat, frames: Sequence[bytes], channel: int, begin_us: int, ssrc: int) -> None:
        self.audio = audio
        self._frames = frames
        self._channel = channel
        self._begin_us = begin_us
        self._ssrc = ssrc
        self.first_sequence = 1_000
        self.first_timestamp = 0x8765_4321
        self._number = 0

    def until(self, time_us: int) -> bytes:
        """The frames that begin before so long after the first, one in each packet."""
        out = []
        step = self.audio.frame_samples
        while self._number * step * 1_000_000 // self.audio.sample_rate < time_us:
            at = self._number * step
            if self._number % 20 == 0:
                ntp = ntp_of(self._begin_us + at * 1_000_000 // self.audio.sample_rate)
                report = sender_report(self._ssrc, ntp, self.first_timestamp + at, self._number, 0)
                out.append(interleaved(self._channel + 1, report))
            payload = aac([self._frames[self._number % len(self._frames)]])
            sequence, timestamp = self.first_sequence + self._number, self.first_timestamp + at
            out.append(
                interleaved(self._channel, rtp(payload, sequence, timestamp, self._ssrc, SOUND_TYPE, marker=True))
            )
            self._number += 1
        return b"".join(out)
