"""The URLs that are sent to a camera. Pure; text in, text out: cameras compare letter by letter. Never an error."""

from urllib.parse import quote

# Everything else of a URL is sent percent-encoded: above all blanks, line breaks and what is no ASCII.
_SENDABLE = "!#$%&'()*+,-./:;=?@[\\]^_`{|}~"


def request_url(url: str) -> str:
    """A URL as it is sent: without user and password, which travel in no URL, and without a fragment."""
    scheme, separator, rest = url.strip().partition("#")[0].partition("://")
    if not separator:
        return quote(scheme, safe=_SENDABLE)
    end = min(at for at in (rest.find("/"), rest.find("?"), len(rest)) if at >= 0)
    host = rest[:end].rpartition("@")[2]
    return quote(f"{scheme}://{host}{rest[end:]}", safe=_SENDABLE)


def base_url(requested: str, content_base: str | None, content_location: str | None) -> str:
    """What a description's control URLs are relative to (RFC 2326 §C.1.1), of the answer to `requested`.

    Content-Base, or else Content-Location, or else the URL that was asked for. Some cameras write the scheme twice,
    some leave it out, some send a path only or nothing; what is no absolute URL then does not count.
    """
    for given in (content_base, content_location):
        # A header's text is bytes (see `message`).
        url = request_url((given or "").encode("latin-1", "replace").decode("utf-8", "replace"))
        while url.count("://") > 1 and url.partition("://")[2].lower().startswith(("rtsp://", "rtsps://")):
            url = url.partition("://")[2]
        if is_absolute(url):
            return url
        if url and not url.startswith(("/", "*", "?")) and "/" in url and "://" not in url:
            return f"{requested.partition('://')[0]}://{url}"
    return request_url(requested)


def control_url(base: str, control: str) -> str:
    """The URL of a stream, or of all of them, by its `a=control` (RFC 2326 §C.1.1) and the description's base URL.

    An absolute URL is taken as it is, without its user and password; "*" and nothing mean the base itself. All else is
    appended to the base with one slash between, even behind a query (`rtsp://h/cam?channel=1` + `trackID=1` is
    `rtsp://h/cam?channel=1/trackID=1`); only what begins with a question mark gets no slash. That is not how relative
    URLs are resolved (RFC 3986 §5.2): it is what live555 does, and ffmpeg, GStreamer and gortsplib, and what cameras
    are tested against.
    """
    control = control.strip()
    if is_absolute(control):
        return request_url(control)
    if control in ("", "*"):
        return request_url(base)
    suffix = quote(control, safe=_SENDABLE)
    return f"{request_url(base)}{suffix}" if suffix.startswith("?") else f"{_stem(base)}/{suffix.lstrip('/')}"


def is_absolute(url: str) -> bool:
    """True for an RTSP URL with a host."""
    scheme, separator, rest = url.partition("://")
    return bool(separator) and scheme.lower() in ("rtsp", "rtsps", "rtspu") and rest[:1] not in ("", "/")


def _stem(base: str) -> str:
    return request_url(base).removesuffix("/")
