"""The REST interface under /api, one module a kind of object; OpenAPI at /api/openapi.json.

Routes parse, ask the store and answer. Who may is stated in each route's `Access`.
"""

from typing import Annotated

from fastapi import Depends, Path, Query

from server.access import Access, Kind, Rule, Visit

Limit = Annotated[int, Query(ge=1, le=500, description="At most so many.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="Leave out so many first.")]
Id = Annotated[str, Path(max_length=64, examples=["0c1f0d4f5b0f4f3e9a8d7c6b5a493827"])]


def allowed(rule: Rule, kind: Kind | None = None) -> object:
    """The dependency that states a route's rule; it commits before the answer leaves."""
    return Depends(Access(rule, kind), scope="function")


__all__ = ["Id", "Limit", "Offset", "Visit", "allowed"]
