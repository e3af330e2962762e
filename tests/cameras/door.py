"""Who is let in by a simulated camera: Basic (RFC 7617) and Digest (RFC 7616), with a memory of one nonce."""

import base64
import hashlib
import secrets
from collections.abc import Mapping

from tests.cameras.quirks import Login


class Door:
    """Asks one client for the user and password of `login`; without one everybody is let in."""

    def __init__(self, login: Login | None) -> None:
        self._login = login
        self._nonce = ""
        self._nonce_uses = 0

    def forget(self) -> None:
        """The nonce that was given is worth nothing any more, and nobody is told that it is stale."""
        self._nonce = ""

    def challenges(self) -> list[tuple[str, str]]:
        """The headers of a 401."""
        login = self._login or Login()
        stale = bool(self._nonce) and login.says_stale
        self._nonce, self._nonce_uses = secrets.token_hex(16), 0
        challenges = []
        for scheme in login.schemes:
            value = 'Basic realm="camera"'
            if scheme != "basic":
                value = f'Digest realm="camera, door", nonce="{self._nonce}", algorithm={scheme.upper()}'
                value += ', qop="auth"' if login.quality else ""
                value += ", stale=TRUE" if stale else ""
            challenges.append(("WWW-Authenticate", value))
        return challenges

    def lets_in(self, method: str, authorization: str) -> bool:
        """True for a request with this Authorization header, "" for none."""
        login = self._login
        if login is None:
            return True
        if authorization.startswith("Basic "):
            right = base64.b64encode(f"{login.user}:{login.password}".encode()).decode()
            return "basic" in login.schemes and authorization.removeprefix("Basic ") == right
        if not authorization.startswith("Digest ") or not self._nonce:
            return False
        values = _digest_values(authorization.removeprefix("Digest "))
        if values.get("nonce") != self._nonce or values.get("response") != _digest(login, method, values):
            # A wrong answer is no stale one.
            self._nonce = ""
            return False
        self._nonce_uses += 1
        return self._nonce_uses <= login.nonce_lasts


def _digest_values(text: str) -> dict[str, str]:
    values = {}
    while text:
        name, _, text = text.partition("=")
        if text.startswith('"'):
            value, _, text = text[1:].partition('"')
            text = text.partition(",")[2]
        else:
            value, _, text = text.partition(",")
        values[name.strip(" ,").lower()] = value.strip()
    return values


def _digest(login: Login, method: str, values: Mapping[str, str]) -> str:
    """The answer that is right (RFC 7616 §3.4.1, RFC 2617 without qop)."""
    name = values.get("algorithm", "MD5").lower()
    if name not in login.schemes or values.get("username") != login.user:
        return "never"

    def hashed(text: str) -> str:
        algorithm = hashlib.sha256 if name == "sha-256" else hashlib.md5
        return algorithm(text.encode(), usedforsecurity=False).hexdigest()

    first = hashed(f"{login.user}:{values.get('realm')}:{login.password}")
    second = hashed(f"{method}:{values.get('uri')}")
    nonce = values.get("nonce")
    if "qop" in values:
        return hashed(f"{first}:{nonce}:{values.get('nc')}:{values.get('cnonce')}:{values['qop']}:{second}")
    return hashed(f"{first}:{nonce}:{second}")
