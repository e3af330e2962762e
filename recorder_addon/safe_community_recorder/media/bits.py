"""Reads the bits of parameter sets and configurations: fixed widths and Exp-Golomb codes (ITU-T H.264 §9.1)."""


class BitstreamError(ValueError):
    """The bytes are not what they claim to be."""


class BitReader:
    """Takes bits from the front of some bytes. Raises BitstreamError behind their end."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        """The next `count` bits as an unsigned number."""
        if count > self._left:
            raise BitstreamError("the parameters are cut short")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def unsigned(self) -> int:
        """ue(v)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise BitstreamError("an Exp-Golomb code of more than 32 bits")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def unescaped(payload: bytes) -> bytes:
    """A NAL unit's bytes without the emulation prevention bytes (H.264 §7.4.1, H.265 §7.4.2)."""
    return payload.replace(b"\x00\x00\x03", b"\x00\x00")
