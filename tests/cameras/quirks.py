"""What cameras do otherwise than the standards say: the switches of the scripted camera, and where each was met.

Issues are those of the readers that had to cope: retina and moonfire-nvr (scottlamb), go2rtc (AlexxIT), gortsplib and
mediamtx (bluenviron), SharpRTSP (ngraziano).
"""

from dataclasses import dataclass
from typing import Literal

type Reports = Literal["right", "none", "hours off", "1970", "2036", "zero", "of another source"]
type RedirectStatus = Literal[301, 302]
type Scheme = Literal["basic", "md5", "sha-256"]


@dataclass(frozen=True, slots=True)
class StreamQuirks:
    """How the camera packs its pictures. Each field's first value is what the standards ask for.

    markers: at the end of each NAL unit, so several in a picture (obs-rtspserver 199, live555 proxies: SharpRTSP 57);
        on SEI (moonfire-nvr 352); on every packet; never.
    sets: where parameter sets come. In band only (gortsplib 88, kerberos-io/agent 105); only in the SDP (Axis;
        Raspberry Pi: mediamtx 5861); in band, marked, with the timestamp of the picture before (Reolink: retina 13);
        before each slice of a keyframe (gst-rtsp-server with config-interval=-1, as seen here).
    fragments: a single one that is start and end at once; an empty one in the middle (retina 115); later ones that tell
        another NAL unit's type (Tiandy: moonfire-nvr 344); the reserved bit set (retina 0.4.14).
    aggregated: parameter sets and what else is small in one packet.
    start_codes: a whole picture with Annex B start codes inside, as if it were one NAL unit (V380: retina 68, 108).
    decoding_order: H.265 says its decoding order numbers (DONL, RFC 7798 §4.4; sprop-max-don-diff above 0).
    units_per_timestamp: so many pictures share one timestamp (retina 21, gstreamer senders behind mediamtx 2389).
    timestamps: all zero; wrapping after a second.
    header: padding bytes; header extensions (retina 0.4.4); contributing sources.
    ssrc: another one with every group (Uniview: gortsplib 687); another one than SETUP said (retina 79).
    sequence: begins anew with every group (gortsplib 750).
    alien_packets: some of payload type 50, which take no sequence number (Geovision: retina 0.3.1).
    between: bytes between the frames: empty lines (retina 0.3.8), rubbish (Canon VB-H47: gortsplib 653), frames of a
        channel that nobody set up (moonfire-nvr 213), with RTP or with whatever the maker likes.
    reports: sender reports that are hours off; of 1970; of an hour of 2036, in NTP's next era; without any time; of
        another source (Tapo C320WS: retina 0.4.6); none at all.
    most_bytes: of a payload.
    """

    markers: Literal["pictures", "nal units", "sei", "packets", "none"] = "pictures"
    sets: Literal["everywhere", "in band", "sdp", "with the picture before", "before each slice"] = "everywhere"
    fragments: Literal["needed", "always", "with an empty one", "mistyped", "reserved bit"] = "needed"
    aggregated: bool = False
    start_codes: bool = False
    decoding_order: bool = False
    units_per_timestamp: int = 1
    timestamps: Literal["running", "zero", "wrapping"] = "running"
    header: Literal["plain", "padded", "extended", "contributed"] = "plain"
    ssrc: Literal["steady", "by group", "other than told"] = "steady"
    sequence: Literal["steady", "by group"] = "steady"
    alien_packets: bool = False
    between: Literal["nothing", "empty lines", "rubbish", "unknown channel", "private channel"] = "nothing"
    reports: Reports = "right"
    most_bytes: int = 1_400


@dataclass(frozen=True, slots=True)
class DialogueQuirks:
    """How the camera talks RTSP. Each field's first value is what the standards ask for.

    control: how the SDP names the streams. Whole addresses; a query before it (Hikvision, Dahua); `/media/1` behind
        the host, where one slash too many is a 404 (Verint: go2rtc 1236); none for the session (VStarcam: retina 9);
        none at all.
    base: Content-Base missing, without a slash at its end, or without a scheme (Anjvision: moonfire-nvr 356).
    sequence_number: CSeq missing (pyatv 1576) or always 0 (Foscam: homebridge-foscamcamera 6).
    spelling: bare line feeds, lower-case names, no reason, spaces at line ends (Longse: retina 77), a folded empty
        line within the header (Luma: scrypted 2137).
    keep_alive: what GET_PARAMETER is answered with; "silence": with nothing at all (Hipcam: SharpRTSP 63, mediamtx
        2908); "new nonce": with 401 (Axis M5525: SharpRTSP 126).
    session_timeout_s: what Session says, None for nothing; `enforced`: who says nothing for so long is hung up on.
    changing_session: another session id with every SETUP (retina 0.4.6).
    channels: what SETUP answers: other ones (gortsplib 72, mediamtx 19), none (gortsplib 142), others than those that
        come then, ssrc with a space before it and of five digits (Hikvision: retina 128; mediamtx 396).
    rtp_info: missing (VStarcam: retina 10), of a wrong sequence (Hikvision, Tapo: retina 0.4.6), senseless (OMNY:
        moonfire-nvr 224, Laureii: retina 117).
    early_data: so many pictures come before the answer to PLAY (v4l2rtspserver: retina 0.3.6).
    calls: the camera asks something in the midst of the stream, and hangs up on who does not answer.
    redirect: 301 or 302 (go2rtc 565, 1480, 1881) to another camera's address, or to itself for ever.
    status: what DESCRIBE or SETUP is refused with: 404, 453, 503 and 461 (no TCP: RTSPtoWebRTC 195).
    description: the SDP: cut in the middle; with MJPEG; with several payload types on one line; without its first
        lines (retina 52); without Content-Type (retina 0.4.7); with sound, metadata and a back channel beside.
    """

    control: Literal["relative", "absolute", "query", "path", "session missing", "missing"] = "relative"
    base: Literal["right", "missing", "no slash", "no scheme"] = "right"
    sequence_number: Literal["right", "missing", "zero"] = "right"
    spelling: Literal["right", "line feeds", "lower case", "no reason", "spaces", "folded"] = "right"
    keep_alive: Literal["200", "405", "501", "silence", "new nonce", "options only"] = "200"
    session_timeout_s: int | None = 60
    enforced: bool = False
    changing_session: bool = False
    channels: Literal["asked", "other", "none", "untrue", "odd ssrc"] = "asked"
    rtp_info: Literal["right", "missing", "wrong", "senseless"] = "right"
    early_data: int = 0
    calls: Literal["none", "OPTIONS", "ANNOUNCE"] = "none"
    redirect: str | None = None
    redirect_status: RedirectStatus = 302
    status: tuple[str, int, str] | None = None
    description: Literal["right", "cut", "mjpeg", "many types", "headless", "untyped", "rich"] = "right"


@dataclass(frozen=True, slots=True)
class Login:
    """Whom the camera lets in.

    `schemes` are offered in this order. `nonce_lasts` is for how many requests a nonce does; after that the camera says
    `stale`, or only names another one.
    """

    user: str = "camera"
    password: str = "s3cret-of-the-camera"
    schemes: tuple[Scheme, ...] = ("md5",)
    quality: bool = True
    nonce_lasts: int = 1_000
    says_stale: bool = True
