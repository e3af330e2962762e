"""The command `verify`: says in words whether an evidence package is as a recorder made it, and whose key signed it."""

import re
import sys
from pathlib import Path

from .evidence.signature import KeyUnusableError, read_public_key
from .evidence.verification import Verdict, verify

_EXIT = {Verdict.GENUINE: 0, Verdict.DAMAGED: 1, Verdict.OTHER_KEY: 3}
_NOT_READ = 2


def run(package: Path, key: Path | None, fingerprint: str | None) -> int:
    """The exit code: 0 as it was made, 1 damaged, 2 not to be read, 3 whole but signed by another key than expected."""
    try:
        expected = _expected(key, fingerprint)
        with package.open("rb") as file:
            report = verify(file, expected)
    except (OSError, KeyUnusableError, ValueError) as error:
        print(f"safe-community-recorder verify: {error}", file=sys.stderr)
        return _NOT_READ
    for text in report.right:
        print(f"right: {text}")
    for text in report.wrong:
        print(f"WRONG: {_harmless(text)}")
    print(_conclusion(report.verdict, report.fingerprint, expected))
    return _EXIT[report.verdict]


def _expected(key: Path | None, fingerprint: str | None) -> str | None:
    """The fingerprint that is expected. Raises KeyUnusableError, OSError and ValueError."""
    if key is not None:
        return read_public_key(key.read_bytes()).fingerprint
    if fingerprint is None:
        return None
    digits = re.sub(r"[\s:]", "", fingerprint.lower()).removeprefix("sha256")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("the fingerprint was expected to have 64 hexadecimal digits")
    return digits


def _harmless(text: str) -> str:
    """Names in a forged package must not make a terminal say what they like."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _conclusion(verdict: Verdict, fingerprint: str | None, expected: str | None) -> str:
    if verdict is Verdict.DAMAGED:
        return "This package is NOT as it was made: do not rely on it."
    if verdict is Verdict.OTHER_KEY:
        return "This package is whole, but NOT signed by the key you expect: somebody else made it, or made it anew."
    if expected is not None:
        return "This package is as the recorder with the expected key made it."
    return (
        f"This package is as the owner of this key made it:\n{fingerprint}\n"
        "Compare it with the fingerprint that the controller of the cameras tells you by another way, or give it here "
        "with --fingerprint."
    )
