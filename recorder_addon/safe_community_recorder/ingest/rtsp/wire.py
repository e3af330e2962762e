"""A connection to a camera, in the clear or by TLS: it is read and written without waiting, except where asked to."""

import asyncio
import hashlib
import socket
import ssl
from contextlib import suppress

# What one read takes at most: a little less than what C libraries get from the system each time anew.
_READ_BYTES = (128 << 10) - 256
_RECORD_BYTES = 16 << 10
_UNSENT_BYTES = 64 << 10
_IGNORE = "ignore"
_PINNED = "sha256:"


class CertificateError(ConnectionError):
    """The camera's certificate is not the one that was expected. The text tells which one came."""


class WireEndedError(ConnectionError):
    """The other side has closed the connection."""


class Wire:
    """A connected, non-blocking socket. All methods raise OSError when the connection fails."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._is_secured = False
        self._unsent = bytearray()

    @classmethod
    async def open(cls, host: str, port: int, *, tls: bool = False, certificate: str | None = None) -> Wire:
        """Connects. `certificate`: None to have it verified, "ignore", or "sha256:" and the fingerprint expected.

        Raises OSError (CertificateError). How long that may take is the caller's business.
        """
        loop = asyncio.get_running_loop()
        failure: OSError = OSError("the name has no address")
        for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(connection, address)
                wire = cls(connection)
                if tls:
                    await wire._secure(host, certificate)
            except OSError as error:
                failure = error
                connection.close()
            except BaseException:
                connection.close()
                raise
            else:
                return wire
        raise failure

    async def _secure(self, host: str, certificate: str | None) -> None:
        context = ssl.create_default_context()
        if certificate is not None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        secured = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = secured
        self._is_secured = True
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                await self.readable()
            except ssl.SSLWantWriteError:
                await self._writable()
        if certificate is not None and certificate != _IGNORE:
            came = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
            if certificate.removeprefix(_PINNED).replace(":", "").lower() != came:
                raise CertificateError(f"another certificate than expected: {_PINNED}{came}")

    def receive(self) -> bytes:
        """What has come, at most 128 kB; empty if nothing has. Raises WireEndedError at the end."""
        data = self._receive()
        if not (self._is_secured and data):
            return data
        # TLS gives one record at a time: at most 16 kB, and no more than a packet from many a camera.
        records, size = [data], len(data)
        with suppress(OSError):
            # What came before an end comes first; the next read fails again.
            while size < _READ_BYTES - _RECORD_BYTES and (data := self._receive()):
                records.append(data)
                size += len(data)
        return b"".join(records)

    def _receive(self) -> bytes:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError:
            return b""
        if not data:
            raise WireEndedError("the camera has closed the connection")
        return data

    @staticmethod
    def is_drained(last: bytes) -> bool:
        """True if after this read nothing more can be expected to have come."""
        return len(last) < _READ_BYTES - _RECORD_BYTES

    def send(self, data: bytes) -> None:
        """Sends, or keeps for the next `flush` what the socket does not take now."""
        self._unsent += data
        if len(self._unsent) > _UNSENT_BYTES:
            raise TimeoutError("the camera takes no requests any more")
        self.flush()

    def flush(self) -> None:
        """Sends what is left over."""
        if self._unsent:
            with suppress(BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                del self._unsent[: self._socket.send(self._unsent)]

    async def readable(self) -> None:
        """Until something has come (or the connection has failed, which the next read tells)."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        descriptor = self._socket.fileno()
        loop.add_reader(descriptor, _settle, done)
        try:
            await done
        finally:
            loop.remove_reader(descriptor)

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        descriptor = self._socket.fileno()
        loop.add_writer(descriptor, _settle, done)
        try:
            await done
        finally:
            loop.remove_writer(descriptor)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Ends the connection at once."""
        self._socket.close()


def _settle(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
