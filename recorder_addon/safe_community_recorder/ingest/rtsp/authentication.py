"""Basic (RFC 7617) and Digest (RFC 7616, 2617) authentication, as cameras ask for it. No I/O.

Text is ISO 8859-1, as in `message`: what a camera says goes back and into the hashes byte by byte; user and password
are UTF-8.
"""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(r"""([\w!#$%&'*+.^`|~-]+)\s*(=\s*(?:"((?:[^"\\]|\\.)*)"?|([^\s,"]*)))?""", re.ASCII | re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_HASHES = {"md5": "md5", "md5-sess": "md5", "sha-256": "sha256", "sha-256-sess": "sha256"}
_STRENGTHS = {"basic": 1, "md5": 2, "sha256": 3}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a camera asks for: the scheme in small letters, the parameters by their names in small letters."""

    scheme: str
    parameters: dict[str, str]

    @property
    def algorithm(self) -> str:
        """The Digest algorithm in small letters."""
        return self.parameters.get("algorithm", "").lower() or "md5"

    @property
    def is_stale(self) -> bool:
        """True if it only was the nonce that has become too old."""
        return self.parameters.get("stale", "").lower() == "true"

    @property
    def asks_for_qop(self) -> bool:
        """True if the request is to be counted (RFC 7616 §3.3, qop)."""
        return bool(self.parameters.get("qop", "").strip())

    @property
    def strength(self) -> int:
        """0 if it cannot be answered, otherwise the higher, the stronger."""
        if self.scheme != "digest":
            return _STRENGTHS["basic"] if self.scheme == "basic" else 0
        if self.asks_for_qop and "auth" not in self.parameters["qop"].lower().replace(",", " ").split():
            return 0
        return _STRENGTHS.get(_HASHES.get(self.algorithm, ""), 0) if "nonce" in self.parameters else 0


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """The challenges in WWW-Authenticate headers, one or several in each."""
    challenges: list[Challenge] = []
    for value in values:
        for name, has_value, quoted, plain in (found.group(1, 2, 3, 4) for found in _TOKEN.finditer(value)):
            if has_value is None:
                challenges.append(Challenge(name.lower(), {}))
            elif challenges:
                content = plain if quoted is None else _ESCAPED.sub(r"\1", quoted)
                challenges[-1].parameters.setdefault(name.lower(), content)
    return challenges


class Authenticator:
    """Answers a camera's challenges with one user and password, and knows when to stop: cameras lock accounts."""

    def __init__(self, user: str, password: str, *, cnonce: Callable[[], str] = lambda: secrets.token_hex(16)) -> None:
        self._user = user.encode()
        self._password = password.encode()
        self._new_cnonce = cnonce
        self._challenge: Challenge | None = None
        self._cnonce = ""
        self._count = 0
        self._refused = 0
        self._accepted = False

    @property
    def refusal(self) -> str:
        """What to tell people when the camera wants something else."""
        if not (self._user or self._password):
            return "the camera wants a user name and a password"
        return "the camera refused user name or password"

    def challenged(self, values: Sequence[str]) -> bool:
        """Takes the WWW-Authenticate headers of a 401. True if it makes sense to send the request once more.

        That is after the first challenge, and once more when it was not the password: when the camera says that its
        nonce is stale, or accepted the nonce before. Otherwise user or password are refused, or nothing the camera
        offers is known here, or all of it is weaker than before.
        """
        challenge = max(parse_challenges(values), key=lambda each: each.strength, default=None)
        if challenge is None or not challenge.strength or not (self._user or self._password):
            return False
        if self._count:
            self._refused += 1
            if self._refused > 1 or not (self._accepted or challenge.is_stale):
                return False
        if self._challenge is not None and challenge.strength < self._challenge.strength:
            return False
        self._challenge = challenge
        self._cnonce = self._new_cnonce()
        self._count = 0
        self._accepted = False
        return True

    def accepted(self) -> None:
        """To be told when the camera has taken a request with an authorization: anything but a 401."""
        if self._count:
            self._accepted = True
            self._refused = 0

    def authorization(self, method: str, uri: str) -> str | None:
        """The Authorization header for a request, None before a challenge. `uri` as it is in the request's line."""
        challenge = self._challenge
        if challenge is None:
            return None
        self._count += 1
        if challenge.scheme == "basic":
            return f"Basic {base64.b64encode(self._user + b':' + self._password).decode('ascii')}"
        return self._digest(challenge, method, uri)

    def _digest(self, challenge: Challenge, method: str, uri: str) -> str:
        given, algorithm = challenge.parameters, challenge.algorithm
        realm, nonce = given.get("realm", ""), given["nonce"]

        def hashed(*parts: str | bytes) -> str:
            text = b":".join(part if isinstance(part, bytes) else part.encode("latin-1") for part in parts)
            return hashlib.new(_HASHES[algorithm], text, usedforsecurity=False).hexdigest()

        secret = hashed(self._user, realm, self._password)
        if algorithm.endswith("-sess"):
            secret = hashed(secret, nonce, self._cnonce)
        action = hashed(method, uri)
        counted = [f"{self._count:08x}", self._cnonce, "auth"] if challenge.asks_for_qop else []
        response = hashed(secret, nonce, *counted, action)
        parts = [
            f"username={_quoted(self._user.decode('latin-1'))}",
            f"realm={_quoted(realm)}",
            f"nonce={_quoted(nonce)}",
            f"uri={_quoted(uri)}",
            f'response="{response}"',
        ]
        if "algorithm" in given:
            parts.append(f"algorithm={given['algorithm']}")
        if "opaque" in given:
            parts.append(f"opaque={_quoted(given['opaque'])}")
        if counted:
            parts += ["qop=auth", f"nc={counted[0]}"]
        if counted or algorithm.endswith("-sess"):
            parts.append(f"cnonce={_quoted(self._cnonce)}")
        return f"Digest {', '.join(parts)}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
