"""Why the recorder could not do what was asked: one exception for each thing that a caller can act on."""

from typing import Final

API_VERSION: Final = 1


class RecorderError(Exception):
    """The recorder could not do what was asked."""


class CannotConnect(RecorderError):
    """Nothing answers at the address, or it stopped answering."""


class WrongToken(RecorderError):
    """The recorder does not know the token."""


class UntrustedCertificate(RecorderError):
    """The recorder shows a certificate that no authority signed, or another than the one that was accepted.

    `fingerprint` is the SHA-256 of what it shows, as "sha256:" and 64 hexadecimal digits, if that is known.
    """

    def __init__(self, fingerprint: str | None = None) -> None:
        super().__init__(f"the recorder's certificate is not trusted ({fingerprint or 'no authority signed it'})")
        self.fingerprint = fingerprint


class NotARecorder(RecorderError):
    """Something answers at the address, but not as a recorder does."""


class UnsupportedVersion(RecorderError):
    """The recorder speaks another version of the API."""

    def __init__(self, found: object) -> None:
        super().__init__(f"the recorder speaks API version {found}, this integration speaks {API_VERSION}")
        self.found = found


class RequestRefused(RecorderError):
    """The recorder understood the request and says why it refuses it.

    `fingerprint` is that of a camera's certificate, where the camera's is not trusted.
    """

    def __init__(self, status: int, code: str, detail: str, fingerprint: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.fingerprint = fingerprint
