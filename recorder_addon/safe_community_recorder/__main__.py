"""Command line of the recorder."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from . import __version__, logs
from .app import Recorder, Settings
from .config import ConfigError


def main() -> int:
    """Runs the recorder; the process's exit code."""
    parser = argparse.ArgumentParser(prog="safe-community-recorder", description="Records cameras without re-encoding.")
    parser.add_argument("--config", type=Path, required=True, help="the camera file (YAML); written if it is missing")
    parser.add_argument("--data", type=Path, required=True, help="directory for index, token and identity")
    parser.add_argument("--archive", type=Path, help="directory for the footage (default: DATA/archive)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8710, help="port to listen on, 0 for any (default: %(default)s)")
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    parser.add_argument("--version", action="version", version=__version__)
    arguments = parser.parse_args()
    logs.set_up(arguments.log_level.upper())
    logger = logging.getLogger(__package__)
    settings = Settings(
        arguments.config,
        arguments.data,
        arguments.archive or arguments.data / "archive",
        arguments.host,
        arguments.port,
    )
    try:
        asyncio.run(Recorder(settings).run())
    except ConfigError as error:
        logger.error("camera file refused", extra={"problem": str(error)})
        return 2
    except OSError as error:
        logger.error("recorder cannot run", extra={"problem": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
