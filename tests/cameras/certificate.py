"""A certificate that a camera has made for itself, as all of them do."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def self_made(directory: Path) -> tuple[ssl.SSLContext, str]:
    """The camera's side of TLS, and the fingerprint of its certificate as the camera file has it: sha256:…"""
    path = directory / "camera.pem"
    certificate = make_certificate(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    encoded = certificate.public_bytes(serialization.Encoding.DER)
    return context, f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def trusted_for(directory: Path, address: str) -> tuple[ssl.SSLContext, Path]:
    """TLS of a host with this IP address, and the file that makes whoever trusts it trust that host."""
    path = directory / f"{address}.pem"
    make_certificate(path, x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


def make_certificate(path: Path, *extensions: x509.ExtensionType) -> x509.Certificate:
    """Make a certificate for a day; the file gets its key, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return certificate
