"""Which ways there are to a stream, the preferred one first."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from .beat import Beat
from .native_source import NativeSource
from .pyav_source import PyAVSource
from .source import Address, Source, Way


class Ways:
    """Opens sources. `only` overrides what addresses say."""

    def __init__(self, only: Way | None = None) -> None:
        self._only = only
        self._beat = Beat()

    def to(self, address: Address) -> Sequence[Callable[[], Source]]:
        """The sources that may be able to give this stream, in the order in which they are to be tried."""
        wanted = self._only or address.way
        ways = list(Way) if wanted is None else [wanted]
        if not address.url.startswith(("rtsp://", "rtsps://")):
            ways = [Way.LIBAV]
        return [partial(self._open, way, address) for way in ways]

    def _open(self, way: Way, address: Address) -> Source:
        if way is Way.NATIVE:
            return NativeSource(address, self._beat)
        return PyAVSource(address, asyncio.get_running_loop())
