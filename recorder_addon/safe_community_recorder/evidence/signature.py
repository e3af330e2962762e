"""The recorder's key: Ed25519 (RFC 8032), made once and kept in the data directory; signing and checking with it."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from ..durable import write_whole

_NAME = "evidence_key.pem"


class KeyUnusableError(Exception):
    """The key cannot be read, or is no Ed25519 key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key by which everybody can tell who signed."""

    key: Ed25519PublicKey

    @property
    def pem(self) -> str:
        """As openssl reads it (SubjectPublicKeyInfo, RFC 8410)."""
        return self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its DER form, 64 hexadecimal digits."""
        return hashlib.sha256(self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()

    def signed(self, data: bytes, signature: bytes) -> bool:
        """True if the signature is that of its owner over these bytes."""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The recorder's own key, which nobody is shown."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """What others need to check its signatures."""
        return PublicKey(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """64 bytes; the same for the same data."""
        return self.key.sign(data)


def load_key(data: Path) -> tuple[SigningKey, bool]:
    """The key kept in this directory, and whether it had to be made. Raises KeyUnusableError and OSError.

    One that is damaged is never replaced: nobody could tell any more that what was signed before is the recorder's.
    """
    path = data / _NAME
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        return _make(path), True
    if path.stat().st_mode & 0o077:
        # As a restored backup may leave it.
        path.chmod(0o600)
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(f"{path} is damaged; put it back from a backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusableError(f"{path} holds another kind of key; Ed25519 was expected")
    return SigningKey(key), False


def read_public_key(pem: bytes) -> PublicKey:
    """A public key in PEM. Raises KeyUnusableError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError("no public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise KeyUnusableError("another kind of key; Ed25519 was expected")
    return PublicKey(key)


def _make(path: Path) -> SigningKey:
    key = Ed25519PrivateKey.generate()
    write_whole(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return SigningKey(key)
