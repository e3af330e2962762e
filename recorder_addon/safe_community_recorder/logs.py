"""Structured logs: a JSON object a line on standard error, never with a password or a token in it."""

import json
import logging
import re
import sys
import time

from aiohttp.http_exceptions import HttpProcessingError

# What stands between :// and @ in an address, and what follows a name that announces a secret.
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s@]*(?:@(?=[^/?#\s]*@)[^/?#\s@]*)*(?=@)")
_SECRETS = re.compile(r"(?i)\b(authorization:? *bearer|bearer|auth|token|password)([\"']?[=: ]+[\"']?)[^\s&\"',}]+")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """The text without the credentials of addresses, tokens and passwords."""
    return _SECRETS.sub(r"\1\2***", _CREDENTIALS.sub("***", text))


class JsonFormatter(logging.Formatter):
    """`event` is the message; what was given as `extra` follows under its own name."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        seconds, thousandths = divmod(round(record.created * 1000), 1000)
        entry: dict[str, object] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{thousandths:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _PLAIN:
                entry[name] = redact(value) if isinstance(value, str) else value
        if record.exc_info:
            entry["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False, default=lambda value: redact(str(value)))


def set_up(level: str = "INFO") -> None:
    """Sends all logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_worth_a_line)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """False for what came over the network and is no HTTP: it was refused, and anybody could fill the log with it."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
