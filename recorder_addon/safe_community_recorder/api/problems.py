"""Errors as people and programs read them: problem details (RFC 9457) with a code of their own."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

from aiohttp import web

_LOGGER = logging.getLogger(__name__)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Problem(Exception):
    """An answer that says what was expected, what came, and what to do; `more` are members of its code's own.

    `noted` says that the audit log has a record of it already.
    """

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        detail: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
        *,
        noted: bool = False,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.more = more or {}
        self.noted = noted

    def response(self) -> web.Response:
        """As application/problem+json."""
        return web.json_response(
            {
                "type": "about:blank",
                "title": self.status.phrase,
                "status": self.status,
                "detail": self.detail,
                "code": self.code,
                **self.more,
            },
            status=self.status,
            headers=self.headers,
            content_type="application/problem+json",
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every error into problem details."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        detail = f"{request.method} is not for this address; it takes {allowed}"
        headers = {"Allow": allowed}
        return Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers).response()
    except web.HTTPNotFound:
        detail = "there is nothing at this address; /openapi.json lists what there is"
        return Problem(HTTPStatus.NOT_FOUND, "not_found", detail).response()
    except web.HTTPRequestEntityTooLarge:
        detail = f"a body of at most {request.client_max_size >> 10} KiB was expected"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "bad_value", detail).response()
    except web.HTTPException as error:
        return Problem(HTTPStatus(error.status), "bad_value", error.reason).response()
    except ConnectionError, TimeoutError:
        raise
    except Exception:
        _LOGGER.exception("request failed", extra={"method": request.method, "path": request.path})
        detail = "the recorder failed; its log says why"
        return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail).response()
