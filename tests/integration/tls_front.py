"""A recorder behind TLS: what comes in encrypted goes on to the real one as it is."""

import asyncio
import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.cameras.certificate import make_certificate

PREFIX = "sha256:"


@dataclass(slots=True)
class Certificate:
    """A certificate that nobody but its owner has signed."""

    path: Path
    fingerprint: str

    @classmethod
    def make(cls, directory: Path, name: str) -> Certificate:
        """Make one, with its key in the same file."""
        path = directory / f"{name}.pem"
        certificate = make_certificate(path, x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]))
        return cls(path, PREFIX + certificate.fingerprint(hashes.SHA256()).hex())


@dataclass(slots=True)
class Front:
    """Listens with TLS. `received` is everything that a client sent once it had accepted the certificate."""

    port: int = 0
    received: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def tls_front(certificate: Certificate, port_behind: int, port: int = 0) -> Generator[Front]:
    """Stand before what listens on a port, with a certificate; in a thread, for Home Assistant's loop is watched."""
    front = Front()
    loop = asyncio.new_event_loop()
    # Somebody who does not like the certificate hangs up in the middle of the handshake.
    loop.set_exception_handler(lambda _loop, _context: None)
    thread = threading.Thread(target=loop.run_forever, name="tls-front")
    thread.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.path)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if note:
                    front.received += data
                writer.write(data)
                await writer.drain()
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", port_behind)
        await asyncio.gather(pass_on(reader, behind[1], note=True), pass_on(behind[0], writer, note=False))

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(accept, "127.0.0.1", port, ssl=context)

    async def end(server: asyncio.Server) -> None:
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    front.port = server.sockets[0].getsockname()[1]
    try:
        yield front
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
