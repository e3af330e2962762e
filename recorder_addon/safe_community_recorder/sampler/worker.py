"""The process that decodes: takes jobs out of its socket, one after the other, and says what is to be seen."""

import os
import resource
import signal
import socket
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator

from ..vision.eye import Eye, Look
from .decoding import DecodingError, GroupDecoder, Picture, keyframe_picture
from .messages import Inbox, Message
from .wording import Answer, Kind, Work, answer_message, read_job, read_settings

# What a camera sends may make libav want any amount of memory; the machine is to keep its own.
_MOST_BYTES = 3 << 29
# Groups that are being decoded as they come; beyond, the one that waits longest begins again.
_MOST_OPEN = 64
_KEPT_EVERY_S = 600.0
_NICENESS = 10
# More at once, and glibc leaves holes behind each shrunken buffer, more and more of them (benchmarks/sight/soak.py).
_READ_BYTES = 1 << 16


class _Camera:
    """One camera's eye, and how far its present group is decoded."""

    def __init__(self, eye: Eye) -> None:
        self.eye = eye
        self.at_s: list[float] = []
        self.looked_s = float("-inf")
        self.kept_s = time.monotonic()


class Worker:
    """Answers messages. Knows no camera but those it was told of."""

    def __init__(self) -> None:
        self._cameras: dict[str, _Camera] = {}
        self._open: OrderedDict[str, GroupDecoder] = OrderedDict()

    def answer(self, message: Message) -> Iterator[Message]:
        """What is to be said to a message, if anything."""
        content = message.content
        match message.kind:
            case Kind.GROUP:
                yield from self._group(read_job(message))
            case Kind.CAMERA:
                self._open.pop(content["camera"], None)
                self._cameras[content["camera"]] = _Camera(Eye(read_settings(content), message.data or None))
            case Kind.FORGET:
                self._open.pop(content["camera"], None)
                if content["camera"] in self._cameras:
                    self._cameras[content["camera"]].eye.forget()
            case Kind.REMOVE:
                self._open.pop(content["camera"], None)
                self._cameras.pop(content["camera"], None)
            case Kind.KEEP:
                for camera_id in self._cameras:
                    yield from self._references(camera_id)
                yield Message(Kind.KEEP)

    def _group(self, work: Work) -> Iterator[Message]:
        camera = self._cameras.get(work.camera_id)
        if camera is None:
            yield answer_message(Answer(work.camera_id, (), 0.0, 0, None, is_lost=True))
            return
        began_s = time.thread_time()
        looks: list[Look] = []
        problems: list[str] = []
        is_lost = False
        try:
            for picture in self._pictures(work, camera, problems):
                at_s = camera.at_s[picture.index] if picture.index < len(camera.at_s) else camera.at_s[-1]
                # Pictures that are reordered come out in the order in which they are shown.
                if at_s > camera.looked_s:
                    looks.append(camera.eye.look(picture.gray, at_s, is_key=picture.index == 0, colour=picture.colour))
                    camera.looked_s = at_s
        except KeyError:
            is_lost = True
        except MemoryError:
            problems.append("there is not enough memory to decode a picture")
            is_lost = True
        if work.left or is_lost:
            self._open.pop(work.camera_id, None)
        cpu_s = time.thread_time() - began_s
        problem = problems[0] if problems else None
        yield answer_message(Answer(work.camera_id, tuple(looks), cpu_s, len(work.pictures), problem, is_lost))
        if time.monotonic() - camera.kept_s > _KEPT_EVERY_S:
            yield from self._references(work.camera_id)

    def _pictures(self, work: Work, camera: _Camera, problems: list[str]) -> Iterator[Picture]:
        """What can be decoded; what is wrong with the rest goes to `problems`.

        Raises KeyError if the group's beginning is not known any more.
        """
        if work.begins:
            self._open.pop(work.camera_id, None)
            camera.at_s = []
            camera.looked_s = min(camera.looked_s, work.at_s[-1] - work.every_s)
        first = len(camera.at_s)
        camera.at_s += work.at_s
        if work.begins and work.left and len(work.pictures) == 1:
            try:
                yield keyframe_picture(work.codec, work.configuration, work.pictures[0])
            except DecodingError as error:
                problems.append(str(error))
            return
        if work.begins:
            while len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)
            try:
                self._open[work.camera_id] = GroupDecoder(work.codec, work.configuration, only_key=False)
            except DecodingError as error:
                problems.append(str(error))
        decoder = self._open[work.camera_id]
        self._open.move_to_end(work.camera_id)
        wanted_from_s = camera.looked_s + work.every_s
        for index, (data, at_s) in enumerate(zip(work.pictures, work.at_s, strict=True), first):
            wanted = index == 0 or at_s >= wanted_from_s
            if wanted:
                wanted_from_s = at_s + work.every_s
            try:
                yield from decoder.decode(data, wanted=wanted)
            except DecodingError as error:
                problems.append(str(error))

    def _references(self, camera_id: str) -> Iterator[Message]:
        camera = self._cameras[camera_id]
        camera.kept_s = time.monotonic()
        references = camera.eye.references
        if references:
            yield Message(Kind.REFERENCES, {"camera": camera_id}, references)


def serve(connection: socket.socket) -> None:
    """Answers until the other side is gone."""
    inbox, worker = Inbox(), Worker()
    while data := connection.recv(_READ_BYTES):
        for message in inbox.put(data):
            for answer in worker.answer(message):
                connection.sendall(answer.encoded())


def main() -> None:
    """Runs in the socket whose descriptor is the only argument."""
    # Ctrl-C reaches the whole terminal; the recorder says when it is time to go, by hanging up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        connection.setblocking(True)
        try:
            serve(connection)
        except ConnectionError:
            return


if __name__ == "__main__":
    main()
