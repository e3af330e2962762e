"""Session descriptions in the manner of real cameras, with real parameter sets."""

import base64

from safe_community_recorder.media.codec import CODECS
from tests.recorder.footage import encode

SETS = {codec: encode(1, codec=codec).video.parameter_sets for codec in CODECS}
TEXTS = {codec: [base64.b64encode(nal).decode() for nal in sets] for codec, sets in SETS.items()}
SPS, PPS = TEXTS["h264"]
VPS, SPS_H265, PPS_H265 = TEXTS["h265"]

HIKVISION = f"""v=0
o=- 1795330489123456 1795330489123456 IN IP4 192.168.1.64
s=Media Presentation
e=NONE
b=AS:5100
t=0 0
a=control:rtsp://admin:12345@192.168.1.64:554/Streaming/Channels/101/
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:5000
a=recvonly
a=x-dimensions:2560,1440
a=control:rtsp://admin:12345@192.168.1.64:554/Streaming/Channels/101/trackID=1
a=rtpmap:96 H264/90000
a=fmtp:96 profile-level-id=420029; packetization-mode=1; sprop-parameter-sets={SPS},{PPS}
m=audio 0 RTP/AVP 104
a=recvonly
a=control:rtsp://admin:12345@192.168.1.64:554/Streaming/Channels/101/trackID=2
a=rtpmap:104 mpeg4-generic/16000/1
a=fmtp:104 profile-level-id=15; streamtype=5; mode=AAC-hbr; config=1408;SizeLength=13; IndexLength=3; IndexDeltaLength=3
a=Media_header:MEDIAINFO=494D4B48010300000400000101;
a=appversion:1.0
"""

DAHUA = f"""v=0
o=- 2251938191 2251938191 IN IP4 0.0.0.0
s=RTSP Session/2.0
c=IN IP4 0.0.0.0
t=0 0
a=control:*
a=range:npt=now-
a=packetization-supported:DH
m=video 0 RTP/AVP 98
a=control:trackID=0
a=framerate:25.000000
a=rtpmap:98 H265/90000
a=fmtp:98 profile-id=1;sprop-sps={SPS_H265};sprop-pps={PPS_H265};sprop-vps={VPS}
a=recvonly
m=audio 0 RTP/AVP 8
a=control:trackID=1
a=rtpmap:8 PCMA/8000
a=recvonly
m=application 0 RTP/AVP 107
a=control:trackID=4
a=rtpmap:107 vnd.onvif.metadata/90000
a=recvonly
m=audio 0 RTP/AVP 8
a=control:trackID=5
a=rtpmap:8 PCMA/8000
a=sendonly
"""

AXIS = f"""v=0
o=- 15211 1 IN IP4 192.168.0.90
s=Session streamed with GStreamer
i=rtsp-server
t=0 0
a=tool:GStreamer
a=type:broadcast
a=range:npt=now-
a=control:rtsp://192.168.0.90/axis-media/media.amp?videocodec=h264&resolution=1280x720
m=video 0 RTP/AVP 96
c=IN IP4 0.0.0.0
b=AS:50000
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;profile-level-id=4d0029;sprop-parameter-sets={SPS},{PPS}
a=ts-refclk:local
a=mediaclk:sender
a=recvonly
a=control:rtsp://192.168.0.90/axis-media/media.amp/stream=0?videocodec=h264&resolution=1280x720
a=framerate:25.000000
"""

REOLINK = f"""v=0
o=- 1795330489123456 1 IN IP4 192.168.5.20
s=Session streamed by "preview"
a=tool:LIVE555 Streaming Media v2013.04.08
a=control:*
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=range:npt=0-
a=fmtp:96 packetization-mode=1;profile-level-id=640033;sprop-parameter-sets={SPS},{PPS}
a=control:trackID=1
m=audio 0 RTP/AVP 97
a=rtpmap:97 MPEG4-GENERIC/16000
a=fmtp:97 streamtype=5;profile-level-id=15;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408; x=1;
a=control:trackID=2
"""

UNIVIEW = f"""v=0
o=- 1001 1 IN IP4 192.168.2.13
s=VCP IPC Realtime stream
m=video 0 RTP/AVP 105
c=IN IP4 192.168.2.13
a=control:rtsp://192.168.2.13/media/video1/video
a=rtpmap:105 H264/90000
a=fmtp:105 profile-level-id=4d4032; packetization-mode=1; sprop-parameter-sets={SPS}, {PPS}
a=recvonly
m=application 0 RTP/AVP 107
a=control:rtsp://192.168.2.13/media/video1/metadata
a=rtpmap:107 vnd.onvif.metadata/90000
a=fmtp:107 DecoderTag=h3c-v3 RTCP=0
a=recvonly
"""

TP_LINK = f"""v=0
s=Session streamed by "TP-LINK RTSP Server"
m=video 0 RTP/AVP 96
a=control:track1
a=rtpmap:96 H265/90000
a=fmtp:96 profile-space=0;profile-id=1;sprop-vps={VPS};sprop-sps={SPS_H265};sprop-pps={PPS_H265}
m=audio 0 RTP/AVP 8\t\x20
b=AS:64
a=control:track2
m=application/TP-LINK 0 RTP/AVP smart/1/90000
a=rtpmap:95 TP-LINK/90000
a=control:track3
"""
