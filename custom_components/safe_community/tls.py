"""Says which certificate a server shows, for a person to compare it. Knows no Home Assistant."""

import asyncio
import hashlib
import ssl
from contextlib import suppress
from typing import Final

from yarl import URL

from .errors import CannotConnect

PREFIX: Final = "sha256:"
TIMEOUT_S: Final = 10.0


async def certificate_of(url: str) -> str:
    """Return the fingerprint of the certificate that is shown at an https address, whoever signed it.

    "sha256:" and 64 hexadecimal digits. Nothing is sent but the handshake. Raises CannotConnect.
    """
    address = URL(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except (OSError, TimeoutError) as error:
        raise CannotConnect(str(error) or type(error).__name__) from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                await writer.wait_closed()
    return PREFIX + hashlib.sha256(shown).hexdigest()


def digest(fingerprint: str) -> bytes:
    """Return the 32 bytes of a fingerprint; raises ValueError for what is none."""
    found = bytes.fromhex(fingerprint.removeprefix(PREFIX)) if fingerprint.startswith(PREFIX) else b""
    if len(found) != hashlib.sha256().digest_size:
        raise ValueError(f"expected {PREFIX} and 64 hexadecimal digits, got {fingerprint!r}")
    return found


def in_groups(fingerprint: str) -> str:
    """Return a fingerprint as people compare it: its bytes in hexadecimal, with colons between them."""
    return bytes.fromhex(fingerprint.removeprefix(PREFIX)).hex(":").upper()
