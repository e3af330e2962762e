"""Reads an MP4 by GStreamer's qtdemux and tells every sample as JSON; runs under the system's Python (3.11 or newer).

    /usr/bin/python3 gstreamer_reader.py FILE

{"video_0": {"caps": …, "samples": [{"shown_ns", "duration_ns", "size", "is_key", "sha256"}, …]}, "audio_0": …}
"""

import hashlib
import json
import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402  after the version is chosen

_LONGEST_NS = 30 * Gst.SECOND


def read(path: str) -> dict[str, Any]:
    """All tracks of a file. Raises ValueError when GStreamer refuses it."""
    tracks: dict[str, Any] = {}
    pipeline = Gst.Pipeline()
    source, demuxer = Gst.ElementFactory.make("filesrc"), Gst.ElementFactory.make("qtdemux")
    source.set_property("location", path)
    for element in (source, demuxer):
        pipeline.add(element)
    source.link(demuxer)

    def take(pad: Any, information: Any, samples: list[dict[str, Any]]) -> Any:
        buffer = information.get_buffer()
        segment = pad.get_sticky_event(Gst.EventType.SEGMENT, 0).parse_segment()
        data = buffer.extract_dup(0, buffer.get_size())
        samples.append(
            {
                "shown_ns": segment.to_stream_time(Gst.Format.TIME, buffer.pts),
                "duration_ns": buffer.duration,
                "size": buffer.get_size(),
                "is_key": not buffer.has_flags(Gst.BufferFlags.DELTA_UNIT),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
        return Gst.PadProbeReturn.OK

    def found(_demuxer: Any, pad: Any) -> None:
        track: dict[str, Any] = {"caps": pad.get_current_caps().to_string(), "samples": []}
        tracks[pad.get_name()] = track
        queue, sink = Gst.ElementFactory.make("queue"), Gst.ElementFactory.make("fakesink")
        for limit in ("max-size-buffers", "max-size-bytes", "max-size-time"):
            queue.set_property(limit, 0)
        for element in (queue, sink):
            pipeline.add(element)
            element.sync_state_with_parent()
        queue.link(sink)
        pad.add_probe(Gst.PadProbeType.BUFFER, take, track["samples"])
        pad.link(queue.get_static_pad("sink"))

    demuxer.connect("pad-added", found)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(_LONGEST_NS, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type == Gst.MessageType.ERROR:
        raise ValueError("timed out" if message is None else message.parse_error()[1])
    return tracks


if __name__ == "__main__":
    Gst.init(None)
    print(json.dumps(read(sys.argv[1])))
