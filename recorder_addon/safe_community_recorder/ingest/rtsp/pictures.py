"""Access units from the payloads of RTP: H.264 (RFC 6184) and H.265 (RFC 7798). Pure.

Where a picture ends is told by what comes next, not by the marker alone: cameras set it never, always, or on each
slice. Only a marker that has proved right for a while ends a picture at once.
"""

from collections.abc import Callable, Iterable

from ...media.audio import AudioFormat, AudioUnit
from ...media.bits import BitstreamError
from ...media.codec import H264, Codec, ParameterSets
from ...media.video import AccessUnit, Role, split_annexb
from .decoding import DecodingTimes
from .rtp import alike

_STAP_A = 24
_FU_A = 28
_AGGREGATION_PACKET = 48
_FRAGMENTATION_UNIT = 49
_START, _END = 0x80, 0x40
_LONGEST_PICTURE_BYTES = 16 << 20
_MARKERS_TO_TRUST = 10
_NEVER = -1 << 30
# A camera that puts start codes into its pictures does so from the first keyframe on.
_KEYS_TO_CHECK = 3
# Framing and RTP header, between one payload and the next.
_OVERHEAD_BYTES = 16
_WAITING_SOUND = 500
_LENGTH_COMES = b""


class Pictures:
    """Takes the payloads of one stream; `deliver` gets the access units in decoding order.

    With `order_numbers` each NAL unit of H.265 is preceded by its decoding order number (RFC 7798 §4.4,
    sprop-max-don-diff > 0). `arrival_us` is to be set before each batch; `sender_us` tells the camera's UTC of a
    timestamp; `audio` is the format of the sound heard beside the pictures; `invalid` counts what made no sense.
    """

    def __init__(
        self,
        codec: Codec,
        parameter_sets: Iterable[bytes],
        deliver: Callable[[AccessUnit], None],
        *,
        order_numbers: bool = False,
    ) -> None:
        self.arrival_us = 0
        self.audio: AudioFormat | None = None
        self.invalid = 0
        self.sender_us: Callable[[int], int | None] = lambda _timestamp: None
        self._codec = codec
        self._sets = ParameterSets(codec)
        self._deliver = deliver
        self._order_bytes = 2 if order_numbers else 0
        self._payload = self._h264 if codec is H264 else self._h265
        self._fragment_bytes = 2 if codec is H264 else 3
        self._times = DecodingTimes()
        self._heard: list[AudioUnit] = []
        self._timestamp = 0
        # The picture being put together: the pieces of its NAL units, each behind its length. `_open` is where the NAL
        # unit lies that goes on, `_prefix` what may already belong to the next picture.
        self._parts: list[bytes | memoryview] = []
        self._bytes = self._bytes_before = 0
        self._open = -1
        self._is_slice = self._begins_group = self._views = False
        self._prefix = -1
        self._has_picture = self._is_key = self._prefix_is_key = self._marked = self._start_codes = False
        self._lost = 0
        self._markers_right = 0
        self._keys_to_check = _KEYS_TO_CHECK
        for nal in parameter_sets:
            self._learn(nal)

    @property
    def stands_still(self) -> bool:
        """True while the camera's timestamps do not go on."""
        return self._times.stands_still

    def hear(self, units: Iterable[AudioUnit]) -> None:
        """Frames of sound on the pictures' clock: they go with the next picture."""
        self._heard += units
        del self._heard[:-_WAITING_SOUND]

    def take(self, data: bytes, start: int, end: int, timestamp: int, marker: bool, lost: int) -> None:
        """A payload, see rtp.Payload."""
        if lost:
            self._lose(lost)
        if timestamp != self._timestamp:
            self._end_picture()
            self._timestamp = timestamp
            self._lost = max(self._lost, lost)
        self._payload(data, start, end)
        if marker:
            if self._open >= 0:
                self._markers_right = _NEVER
            self._marked = True
            if self._markers_right >= _MARKERS_TO_TRUST:
                self._end_picture()

    def take_run(self, data: bytes, start: int, stride: int, count: int, timestamp: int) -> int:
        """Fragments of a NAL unit but for its last, see rtp.PayloadRun."""
        head_bytes = self._fragment_bytes
        header = data[start + head_bytes - 1]
        is_fragment = data[start] & 0x1F == _FU_A if head_bytes == 2 else data[start] >> 1 & 0x3F == _FRAGMENTATION_UNIT
        if not is_fragment or header & _END or self._bytes > _LONGEST_PICTURE_BYTES:
            return 0
        begun = 0
        if header & _START:
            if data[start + stride + head_bytes - 1] != header ^ _START:
                return 0
            if timestamp != self._timestamp:
                self._end_picture()
                self._timestamp = timestamp
            self._payload(data, start, start + stride - _OVERHEAD_BYTES)
            start, count, begun = start + stride, count - 1, 1
        if self._open < 0 or timestamp != self._timestamp:
            return begun
        count = alike(data, start, stride, count, range(head_bytes))
        size = stride - _OVERHEAD_BYTES - head_bytes
        first = start + head_bytes
        # Views are copied once, when the picture is put together.
        view = memoryview(data)
        self._views = True
        self._parts += [view[at : at + size] for at in range(first, first + count * stride, stride)]
        self._bytes += count * size
        return begun + count

    def settle(self) -> None:
        """To be called when nothing more is there: lets go of the bytes that were read, of which views may be left."""
        if self._views:
            self._views = False
            self._parts = [bytes(part) for part in self._parts]

    def finish(self) -> None:
        """The stream has ended: gives out what is whole."""
        if self._marked:
            self._end_picture()
        for unit in self._times.finish():
            self._deliver(unit)

    # --- payloads -----------------------------------------------------------------------------------------------------

    def _h264(self, data: bytes, start: int, end: int) -> None:
        kind = data[start] & 0x1F
        if kind == _FU_A and end - start > 2:
            header = data[start + 1]
            if header & _START:
                self._begin(bytes((data[start] & 0xE0 | header & 0x1F,)) + data[start + 2 : end])
            else:
                self._continue(data[start + 2 : end])
            if header & _END:
                self._end_nal()
        elif kind < _STAP_A:
            self._whole(data[start:end])
        elif kind == _STAP_A:
            self._aggregate(data, start + 1, end, 0)
        else:
            self.invalid += 1

    def _h265(self, data: bytes, start: int, end: int) -> None:
        kind = data[start] >> 1 & 0x3F
        order_bytes = self._order_bytes
        if kind == _FRAGMENTATION_UNIT and end - start > 3:
            header = data[start + 2]
            if header & _START:
                first = bytes((data[start] & 0x81 | (header & 0x3F) << 1, data[start + 1]))
                self._begin(first + data[start + 3 + order_bytes : end])
            else:
                self._continue(data[start + 3 : end])
            if header & _END:
                self._end_nal()
        elif kind < _AGGREGATION_PACKET:
            nal = data[start:end]
            self._whole(nal[:2] + nal[2 + order_bytes :] if order_bytes else nal)
        elif kind == _AGGREGATION_PACKET:
            self._aggregate(data, start + 2, end, order_bytes)
        else:
            self.invalid += 1

    def _aggregate(self, data: bytes, start: int, end: int, order_bytes: int) -> None:
        """NAL units behind their lengths; before the first its order number, before the others a byte of difference."""
        start += order_bytes
        while start + 2 < end:
            size = data[start] << 8 | data[start + 1]
            start += 2
            if size == 0 or start + size > end:
                self.invalid += 1
                return
            self._whole(data[start : start + size])
            start += size + order_bytes // 2

    # --- NAL units ----------------------------------------------------------------------------------------------------

    def _whole(self, nal: bytes) -> None:
        self._begin(nal)
        self._end_nal()

    def _begin(self, piece: bytes) -> None:
        if self._open >= 0:
            # The camera did not mark its end. Nothing was lost, or it would not be open any more.
            self._end_nal()
        if piece[0] == 0 and (code := piece.find(b"\1", 2, 4)) > 0 and not piece[:code].strip(b"\0"):
            # Cameras put start codes into packets, and several NAL units behind them into one.
            piece = piece[code + 1 :]
            self._start_codes = True
        role = self._codec.role(piece) if len(piece) > 1 else Role.INVALID
        if role is Role.INVALID:
            self.invalid += 1
            return
        if self._has_picture:
            self._goes_on(role)
        if role is Role.SLICE and not self._has_picture:
            self._lost = self._lost or 1
        self._is_slice = role is Role.FIRST_SLICE or role is Role.SLICE
        self._begins_group = self._is_slice and self._codec.begins_group(piece)
        self._open = len(self._parts)
        self._bytes_before = self._bytes
        self._parts += (_LENGTH_COMES, piece)
        self._bytes += len(piece)

    def _goes_on(self, role: Role) -> None:
        """A NAL unit comes behind a picture, with the same timestamp."""
        if role is Role.FIRST_SLICE or (role is Role.PREFIX and self._marked):
            self._end_picture()
        elif role is Role.PREFIX:
            # Of this picture, if a slice that is not its first follows: cameras repeat parameter sets before each.
            if self._prefix < 0:
                self._prefix = len(self._parts)
        else:
            self._prefix = -1
            self._is_key |= self._prefix_is_key
            self._prefix_is_key = False
            if self._marked:
                self._markers_right = _NEVER

    def _continue(self, piece: bytes) -> None:
        if self._open < 0:
            # Its beginning is missing.
            self._lost = self._lost or 1
        elif self._bytes > _LONGEST_PICTURE_BYTES:
            self._lose(1)
        else:
            self._parts.append(piece)
            self._bytes += len(piece)

    def _end_nal(self) -> None:
        at, self._open = self._open, -1
        if at < 0:
            return
        parts = self._parts
        is_slice, begins_group = self._is_slice, self._begins_group
        if not is_slice or self._start_codes or (begins_group and self._keys_to_check):
            whole = b"".join(parts[at + 1 :])
            if b"\0\0\1" in whole:
                # Inside of a NAL unit these bytes cannot stand: there are several.
                del parts[at:]
                self._start_codes = False
                for nal in split_annexb(b"\0\0\1" + whole):
                    self._whole(nal)
                self._start_codes = True
                return
            if not is_slice:
                if self._codec.nal_type(whole) in self._codec.unstored:
                    del parts[at:]
                    self._learn(whole)
                    return
                begins_group = self._codec.begins_group(whole)
            elif begins_group:
                self._keys_to_check -= 1
            parts[at:] = (len(whole).to_bytes(4), whole)
        else:
            parts[at] = (self._bytes - self._bytes_before).to_bytes(4)
        if self._prefix >= 0:
            self._prefix_is_key |= begins_group
        else:
            self._is_key |= begins_group
        self._has_picture |= is_slice

    def _learn(self, nal: bytes) -> None:
        """A parameter set; one that makes no sense is left out."""
        known = self._sets.video
        try:
            self._sets.take((nal,))
            video = self._sets.video
            if video is not None and video is not known:
                self._times.holds(self._codec.sequence(video.parameter_sets).reordered)
        except BitstreamError:
            self.invalid += 1

    # --- pictures -----------------------------------------------------------------------------------------------------

    def _lose(self, packets: int) -> None:
        if self._marked:
            self._end_picture()
        if self._open >= 0:
            del self._parts[self._open :]
            self._open = -1
        self._lost += packets

    def _end_picture(self) -> None:
        if self._open >= 0:
            self._end_nal()
        marked, self._marked = self._marked, False
        if not self._has_picture:
            return
        video = self._sets.video
        parts, is_key, lost = self._parts, self._is_key, self._lost
        self._parts = []
        self._is_key, self._prefix_is_key = self._prefix_is_key, False
        if self._prefix >= 0:
            parts, self._parts = parts[: self._prefix], parts[self._prefix :]
            self._prefix = -1
        self._has_picture = self._views = False
        self._bytes = self._lost = 0
        if not lost:
            self._markers_right = self._markers_right + 1 if marked else _NEVER
        if video is None:
            return
        heard: tuple[AudioUnit, ...] = ()
        if self._heard:
            heard, self._heard = tuple(self._heard), []
        at = self._timestamp
        unit = AccessUnit(
            b"".join(parts), at, at, is_key, self.arrival_us, video, self.sender_us(at), self.audio, heard, lost
        )
        for timed in self._times.take(unit):
            self._deliver(timed)
