"""Command line of the recorder."""

import argparse
import asyncio
import logging
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from . import __version__, logs, maintenance, probe_command, tls, verify_command
from .app import Recorder, Settings
from .archive.layout import FILE_S
from .audit import command as audit_command
from .config import ConfigError
from .identity import InUseError
from .ingest.source import Way
from .tls import CertificateError

# A camera has up to three, a viewer or a page of Home Assistant one or two. Systems usually begin with 1024.
_DESCRIPTORS = 8_192
_COMMANDS = {"check": maintenance.check, "rebuild": maintenance.rebuild}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the recorder, or one of its commands; the process's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and given[0] in _COMMANDS:
        return _maintain(given[0], given[1:])
    if given and given[0] == "probe":
        return _probe(given[1:])
    if given and given[0] == "verify":
        return _verify(given[1:])
    if given and given[0] == "audit":
        return _audit(given[1:])
    if given and given[0] == "fingerprint":
        return _fingerprint(given[1:])
    if given and given[0] == "vision":
        from . import vision_command

        return vision_command.main(given[1:])
    return _record(given)


def _record(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-community-recorder",
        description="Records cameras without re-encoding.",
        epilog="Commands: `check` compares footage and index, `rebuild` makes the index anew from the footage, "
        "`probe` looks at a camera, `audit` proves the audit log or shows it, `verify` proves an evidence package, "
        "`vision` looks at footage again with other settings, `fingerprint` prints that of the recorder's certificate.",
    )
    parser.add_argument("--config", type=Path, required=True, help="the camera file (YAML); written if it is missing")
    _add_places(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8710, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument("--tls", action="store_true", help="encrypt; with a certificate of its own if none is given")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="encrypt with this one, and those behind it")
    parser.add_argument("--key", type=Path, metavar="PEM", help="its key, if that is not in the same file")
    parser.add_argument(
        "--announce",
        action=argparse.BooleanOptionalAction,
        help="tell the network that it is here (default: when it listens on more than this machine)",
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--file-seconds", type=int, default=FILE_S, help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Way, choices=tuple(Way), help=argparse.SUPPRESS)
    parser.add_argument("--no-vision", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=__version__)
    arguments = parser.parse_args(given)
    if arguments.key and not arguments.certificate:
        parser.error("--key needs --certificate")
    logs.set_up(arguments.log_level.upper())
    _allow_descriptors()
    logger = logging.getLogger(__package__)
    settings = Settings(
        arguments.config,
        arguments.data,
        _archive(arguments),
        arguments.host,
        arguments.port,
        max(1, arguments.file_seconds),
        arguments.source,
        not arguments.no_vision,
        arguments.tls,
        tls.Files(arguments.certificate, arguments.key) if arguments.certificate else None,
        arguments.announce,
    )
    try:
        clean = asyncio.run(Recorder(settings).run())
    except ConfigError as error:
        logger.error("camera file refused", extra={"problem": str(error)})
        return 2
    except (CertificateError, OSError, InUseError, SQLAlchemyError) as error:
        logger.error("recorder cannot run", extra={"problem": str(error)})
        return 1
    if not clean:
        logger.error("a write hangs in the disk; the recorder ends without it")
        logging.shutdown()
        # The thread that hangs cannot be ended, and Python would wait for it.
        os._exit(1)
    return 0


def _allow_descriptors() -> None:
    """As many files and connections as the system lets this process have, up to what is enough."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(_DESCRIPTORS, most)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _maintain(command: str, given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"safe-community-recorder {command}", description=_COMMANDS[command].__doc__)
    _add_places(parser)
    arguments = parser.parse_args(given)
    try:
        return _COMMANDS[command](arguments.data, _archive(arguments))
    except (OSError, InUseError, SQLAlchemyError) as error:
        print(f"safe-community-recorder {command}: {error}", file=sys.stderr)
        return 2


def _probe(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-community-recorder probe",
        description="Looks at a camera for at most five seconds and says what it is and what to know of it.",
        epilog="Exit code: 0, or 1 if there is something to be warned of, or 2 if there are no pictures.",
    )
    parser.add_argument("url", help="the stream's address with user and password; - has it read from standard input")
    parser.add_argument("--certificate", help='of a camera with TLS: "ignore", or "sha256:" and its fingerprint')
    parser.add_argument(
        "--source", choices=("auto", *Way), default="auto", help="how to receive (default: %(default)s)"
    )
    parser.add_argument("--still", type=Path, metavar="FILE", help="where its picture goes (JPEG)")
    arguments = parser.parse_args(given)
    url = sys.stdin.readline().strip() if arguments.url == "-" else arguments.url
    return probe_command.run(url, arguments.certificate, arguments.source, arguments.still)


def _audit(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-community-recorder audit",
        description="Proves that the audit log is as it was written, or shows it; the recorder may be running.",
        epilog="Exit code: 0, or 1 if a record was altered, removed, put in or moved, or 2 if the log cannot be read.",
    )
    commands = parser.add_subparsers(dest="what", required=True)
    verify = commands.add_parser("verify", help="name the first record that is wrong, and the others")
    verify.add_argument(
        "--seen", type=audit_command.seen_of, metavar="NUMBER:HASH", help="a record that was noted elsewhere before"
    )
    export = commands.add_parser("export", help="all records as JSON lines, or as CSV")
    export.add_argument("--csv", metavar="FILE", help="- for standard output")
    for command in (verify, export):
        command.add_argument("--data", type=Path, required=True, help="the recorder's directory")
    arguments = parser.parse_args(given)
    try:
        if arguments.what == "verify":
            return audit_command.verify(arguments.data, arguments.seen)
        return audit_command.export(arguments.data, arguments.csv)
    except OSError as error:
        print(f"safe-community-recorder audit: {error}", file=sys.stderr)
        return 2


def _fingerprint(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-community-recorder fingerprint",
        description="Prints the fingerprint of the certificate that the recorder shows, to be compared with what "
        "Home Assistant shows.",
    )
    parser.add_argument("--data", type=Path, required=True, help="the recorder's directory")
    parser.add_argument("--certificate", type=Path, metavar="PEM", help="that one instead of the recorder's own")
    arguments = parser.parse_args(given)
    try:
        print(tls.in_groups(tls.fingerprint_of(arguments.certificate or tls.own_files(arguments.data).certificate)))
    except CertificateError as error:
        print(f"safe-community-recorder fingerprint: {error}", file=sys.stderr)
        return 2
    return 0


def _verify(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="safe-community-recorder verify",
        description="Says whether an evidence package is as a recorder made it, and whose key signed it.",
        epilog="Exit code: 0 as it was made; 1 damaged; 2 cannot be read; 3 whole, but signed by another key.",
    )
    parser.add_argument("package", type=Path, help="the ZIP file")
    expected = parser.add_mutually_exclusive_group()
    expected.add_argument("--key", type=Path, metavar="PEM", help="the public key that has to have signed it")
    expected.add_argument("--fingerprint", help="SHA-256 of that key, as the recorder's owner tells it")
    arguments = parser.parse_args(given)
    return verify_command.run(arguments.package, arguments.key, arguments.fingerprint)


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="directory for index, token and identity")
    parser.add_argument("--archive", type=Path, help="directory for the footage (default: DATA/archive)")


def _archive(arguments: argparse.Namespace) -> Path:
    archive: Path = arguments.archive or arguments.data / "archive"
    return archive


if __name__ == "__main__":
    sys.exit(main())
