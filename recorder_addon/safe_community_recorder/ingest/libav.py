"""How libav is told to open an address: what it may speak and read, whom it may trust, how long it may wait."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..cause import Cause
from .source import Address, SourceError

# FFmpeg's own socket timeout. PyAV's `timeout` argument polls: three times the CPU at 96 cameras, and lost data.
# It waits once more for the answer to its leave-taking.
_SOCKET_TIMEOUT_US = 4_000_000
_PROBED_US = 500_000
# Over UDP: how long a packet is waited for that others have overtaken, and what the kernel is asked to hold.
_REORDERING_US = 200_000
_UDP_BUFFER_BYTES = 1 << 20

# Containers whose pictures have times, and JPEG pictures one after the other. No playlists: they name other files.
_STREAMS = "mpegts,flv,live_flv,mov,matroska,mpjpeg,mjpeg"


@dataclass(frozen=True, slots=True)
class _Scheme:
    """`protocols` and `formats` are all that libav may use, also where a camera sends it elsewhere."""

    protocols: str
    formats: str
    timeout: str = "timeout"


_SCHEMES = {
    "rtsp": _Scheme("rtp,udp,tcp", "rtsp"),
    "rtsps": _Scheme("tls,tcp", "rtsp"),
    # To RTMP, `timeout` would mean to wait for a camera that calls.
    "rtmp": _Scheme("rtmp,tcp", "flv,live_flv", "rw_timeout"),
    "http": _Scheme("http,https,tls,tcp", _STREAMS),
    "https": _Scheme("https,tls,tcp", _STREAMS),
    "": _Scheme("file", _STREAMS),
}


def options_of(address: Address) -> Sequence[dict[str, str]]:
    """The options to open it with: those to begin with, then others for a camera that refuses these.

    An address without a scheme is a local file; the camera file takes none. Raises SourceError.
    """
    name = urlsplit(address.url).scheme
    scheme = _SCHEMES.get(name)
    if scheme is None:
        raise SourceError(Cause.UNSUPPORTED_STREAM, f"an address with {name} cannot be received")
    options = {
        "protocol_whitelist": scheme.protocols,
        "format_whitelist": scheme.formats,
        "analyzeduration": str(_PROBED_US),
        scheme.timeout: str(_SOCKET_TIMEOUT_US),
    }
    if "tls" in scheme.protocols:
        options |= _trust(name, address.certificate)
    if name == "https":
        # One redirect might lead out of TLS.
        options["max_redirects"] = "0"
    if scheme.formats != "rtsp":
        return [options]
    options["allowed_media_types"] = "video+audio" if address.audio else "video"
    if name == "rtsps":
        # UDP would be in the clear.
        return [options | {"rtsp_transport": "tcp"}]
    options |= {"max_delay": str(_REORDERING_US), "buffer_size": str(_UDP_BUFFER_BYTES)}
    # A camera that answers 461 to TCP is asked for UDP at once; others have other words for it.
    return [
        options | {"rtsp_transport": "tcp+udp", "rtsp_flags": "prefer_tcp"},
        options | {"rtsp_transport": "udp"},
    ]


def _trust(scheme: str, certificate: str | None) -> dict[str, str]:
    """The options of TLS. Raises SourceError."""
    if certificate == "ignore":
        return {"tls_verify": "0"}
    if certificate is not None and scheme != "http":
        reason = "libav cannot compare the fingerprint of a certificate, and does not connect to a camera unverified"
        raise SourceError(Cause.UNSUPPORTED_STREAM, reason)
    trusted = ssl.get_default_verify_paths().cafile
    return {"tls_verify": "1"} | ({} if trusted is None else {"ca_file": trusted})
