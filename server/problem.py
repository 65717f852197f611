"""Every refusal of the server as problem+json (RFC 9457): type, title, status, detail, instance.

Turns exceptions into answers; which errors there are stands in `errors`.
"""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException

from server.errors import RequestError

MEDIA_TYPE: Final = "application/problem+json"

# A malformed request with a thousand faults is told by its first ones.
FAULTS_TOLD: Final = 20


class FieldFault(BaseModel):
    """One field that is not as it should be."""

    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457. errors: what is wrong with which field, when fields are to blame."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Not Found",
                    "status": 404,
                    "detail": "There is no such patient; list those that you may see.",
                    "instance": "/api/patients/0c1f",
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldFault] | None = None


def answer(
    status: int,
    detail: str,
    instance: str,
    *,
    type_: str = "about:blank",
    errors: list[FieldFault] | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """A problem as a response."""
    problem = Problem(
        type=type_,
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        instance=instance,
        errors=errors,
    )
    return JSONResponse(
        problem.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route, for its OpenAPI description."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


async def _refused(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestError):
        raise error
    headers = {}
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return answer(
        error.status,
        str(error),
        request.url.path,
        type_=f"urn:gonio:problem:{error.reason}",
        headers=headers,
    )


_DETAILS: Final = {
    404: "There is nothing at this address; see /api/openapi.json.",
    405: "This address does not take this method; see /api/openapi.json.",
    413: "The request is larger than this server takes; send less at once.",
}


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    detail = _DETAILS.get(error.status_code, str(error.detail))
    return answer(error.status_code, detail, request.url.path, headers=dict(error.headers or {}))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    # What was given is not repeated: it may be a password.
    faults = [
        FieldFault(
            field=".".join(str(part) for part in each["loc"]),
            message=str(each["msg"]).removeprefix("Value error, "),
        )
        for each in error.errors()[:FAULTS_TOLD]
    ]
    return answer(
        422, "Fields of the request are not valid; see errors.", request.url.path, errors=faults
    )


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    return answer(
        503,
        "The database does not answer; try again in a moment.",
        request.url.path,
        headers={"Retry-After": "1"},
    )


async def _conflict(request: Request, error: Exception) -> JSONResponse:
    return answer(409, "Somebody else has just changed the same; read it again.", request.url.path)


async def _broken(request: Request, error: Exception) -> JSONResponse:
    return answer(
        500,
        "The server made a mistake; tell whoever runs it the X-Request-ID of this answer.",
        request.url.path,
    )


def install(app: FastAPI) -> None:
    """Let every error of the app come out as a problem."""
    app.add_exception_handler(RequestError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(OperationalError, _database_away)
    app.add_exception_handler(IntegrityError, _conflict)
    app.add_exception_handler(Exception, _broken)
