"""The scripted camera's SDP (RFC 8866), in the manners of several makers. Pure."""

import base64
from collections.abc import Sequence

from safe_community_recorder.media.audio import AudioFormat
from safe_community_recorder.media.video import VideoFormat
from tests.cameras.packets import kind_of
from tests.cameras.quirks import DialogueQuirks, StreamQuirks
from tests.cameras.stream import SOUND_TYPE, VIDEO_TYPE

_HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
_AAC = "streamtype=5; profile-level-id=1; mode=AAC-hbr; sizeLength=13; indexLength=3; indexDeltaLength=3"
_METADATA = "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=9\r\n"
_BACK_CHANNEL = "m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=rtpmap:0 PCMU/8000\r\na=control:trackID=8\r\n"


def stream_address(url: str, quirks: DialogueQuirks, stream: int) -> str:
    """What SETUP has to name for the pictures (0) or the sound (1)."""
    match quirks.control:
        case "missing":
            return url
        case "path":
            host = "/".join(url.split("/")[:3])
            return f"{host}/media/{stream}"
        case "absolute":
            return f"{url}/streams/{stream}"
    return f"{url}/trackID={stream + 1}"


def _control(url: str, quirks: DialogueQuirks, stream: int) -> str:
    match quirks.control:
        case "missing":
            return ""
        case "absolute":
            return f"a=control:{stream_address(url, quirks, stream)}\r\n"
        case "path":
            return f"a=control:/media/{stream}\r\n"
    return f"a=control:trackID={stream + 1}\r\n"


def _format(video: VideoFormat, stream: StreamQuirks) -> str:
    named = {"h264": "H264", "h265": "H265"}[video.codec]
    parameters = ["packetization-mode=1"] if video.codec == "h264" else []
    if stream.decoding_order:
        parameters.append("sprop-max-don-diff=2")
    if stream.sets != "in band":
        coded = [base64.b64encode(nal).decode() for nal in video.parameter_sets]
        if video.codec == "h264":
            parameters += [
                f"profile-level-id={video.parameter_sets[0][1:4].hex()}",
                f"sprop-parameter-sets={','.join(coded)}",
            ]
        else:
            names = {32: "sprop-vps", 33: "sprop-sps", 34: "sprop-pps"}
            kinds = [names[kind_of("h265", nal)] for nal in video.parameter_sets]
            parameters += [f"{name}={value}" for name, value in zip(kinds, coded, strict=True)]
    lines = f"a=rtpmap:{VIDEO_TYPE} {named}/90000\r\n"
    return lines + (f"a=fmtp:{VIDEO_TYPE} {'; '.join(parameters)}\r\n" if parameters else "")


def describe(
    url: str,
    video: VideoFormat,
    quirks: DialogueQuirks,
    stream: StreamQuirks,
    sound: tuple[AudioFormat, Sequence[bytes]] | None,
) -> bytes:
    """The SDP of a camera with these quirks."""
    parts = ["" if quirks.description == "headless" else _HEAD]
    if quirks.control not in ("session missing", "missing"):
        parts.append(f"a=control:{url if quirks.control == 'absolute' else '*'}\r\n")
    if quirks.description == "rich":
        parts += [_BACK_CHANNEL, _METADATA]
    types = f"{VIDEO_TYPE} 26 98" if quirks.description == "many types" else str(VIDEO_TYPE)
    if quirks.description == "mjpeg":
        parts.append("m=video 0 RTP/AVP 26\r\n")
    else:
        parts += [f"m=video 0 RTP/AVP {types}\r\n", _format(video, stream)]
    parts.append(_control(url, quirks, 0))
    if sound is not None:
        audio, _ = sound
        parts += [
            f"m=audio 0 RTP/AVP {SOUND_TYPE}\r\n",
            f"a=rtpmap:{SOUND_TYPE} MPEG4-GENERIC/{audio.sample_rate}/{audio.channels}\r\n",
            f"a=fmtp:{SOUND_TYPE} {_AAC}; config={audio.config.hex()}\r\n",
            _control(url, quirks, 1),
        ]
    text = "".join(parts)
    if quirks.description == "cut":
        text = text[: text.index("m=video") + 5]
    return text.encode()
