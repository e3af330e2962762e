"""Certificates, and those who connect to whoever shows them."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from safe_community_recorder.tls import Files, make_own

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def a_certificate(folder: Path) -> Files:
    """A new one, with its key in the same file."""
    folder.mkdir(exist_ok=True)
    return make_own(folder, ["localhost"], ["127.0.0.1"], NOW)


def trusting(certificate: Path) -> ssl.SSLContext:
    """Trusts this certificate alone, and only for the names in it."""
    return ssl.create_default_context(cafile=str(certificate))


def pinned(fingerprint: str) -> aiohttp.Fingerprint:
    """Trusts who shows the certificate of this fingerprint, as the integration does."""
    return aiohttp.Fingerprint(bytes.fromhex(fingerprint.removeprefix("sha256:").replace(":", "")))
