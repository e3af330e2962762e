"""The certificate that the recorder shows to those who connect: its owner's, or one of its own.

One of its own is trusted by its fingerprint, which people compare with what the other side shows them.
"""

import asyncio
import ipaddress
import logging
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .durable import write_whole

_LOGGER = logging.getLogger(__name__)

# A machine that has lost its clock makes one that is valid nevertheless.
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_YEARS = 10
_HOST_NAME = re.compile(r"(?!.*\.\d+$)[a-z\d_-]+(\.[a-z\d_-]+)*", re.ASCII | re.IGNORECASE)


class CertificateError(Exception):
    """Certificate or key cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a certificate (PEM, with those that vouch for it behind it) and its key lie; one file may hold both."""

    certificate: Path
    key: Path | None = None


class Shown:
    """The certificate that is shown from now on; connections keep the one that they began with."""

    def __init__(self, files: Files) -> None:
        """Raises CertificateError."""
        self._files = files
        self.context, self.fingerprint = _loaded(files)

    async def renew(self) -> None:
        """Takes what the files hold now; goes on with the former where that cannot be used, and logs it."""
        former = self.fingerprint
        try:
            self.context, self.fingerprint = await asyncio.to_thread(_loaded, self._files)
        except CertificateError as error:
            _LOGGER.error("certificate refused; the former one is shown on", extra={"problem": str(error)})
            return
        if self.fingerprint != former:
            _LOGGER.info("certificate renewed", extra={"fingerprint": in_groups(self.fingerprint)})


def own_files(data: Path) -> Files:
    """Where a recorder keeps a certificate of its own."""
    return Files(data / "tls.pem")


def make_own(data: Path, names: Sequence[str], addresses: Sequence[str], now: datetime) -> Files:
    """The recorder's own certificate; made for these names and addresses if there is none yet. Raises OSError.

    Of the names, those count that are names of hosts.
    """
    files = own_files(data)
    if not files.certificate.exists():
        write_whole(files.certificate, _made(names, addresses, now))
    return files


def fingerprint_of(certificate: Path) -> str:
    """SHA-256 of a PEM file's first certificate: "sha256:" and 64 hexadecimal digits. Raises CertificateError."""
    try:
        first = x509.load_pem_x509_certificate(certificate.read_bytes())
    except OSError as error:
        raise CertificateError(f"{certificate}: {error.strerror}") from error
    except ValueError as error:
        raise CertificateError(f"{certificate}: a certificate in PEM was expected") from error
    return f"sha256:{first.fingerprint(hashes.SHA256()).hex()}"


def in_groups(fingerprint: str) -> str:
    """A fingerprint as people compare it, and as Home Assistant shows it."""
    return bytes.fromhex(fingerprint.removeprefix("sha256:")).hex(":").upper()


def _loaded(files: Files) -> tuple[ssl.SSLContext, str]:
    fingerprint = fingerprint_of(files.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    key = files.key or files.certificate
    try:
        # Nobody is asked for a password: that would wait at a terminal for ever.
        context.load_cert_chain(files.certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        raise CertificateError(f"{key}: the key of {files.certificate}, without a password, was expected") from error
    except OSError as error:
        raise CertificateError(f"{key}: {error.strerror}") from error
    return context, fingerprint


def _made(names: Sequence[str], addresses: Sequence[str], now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Safe Community recorder")])
    reached = [
        *(x509.DNSName(name) for name in names if _HOST_NAME.fullmatch(name)),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses),
    ]
    since = max(now, _FIRST_DAY)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FIRST_DAY)
        .not_valid_after(since.replace(year=since.year + _YEARS, day=min(since.day, 28)))
        .add_extension(x509.SubjectAlternativeName(reached), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM) + secret
