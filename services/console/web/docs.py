"""The API's documentation: the OpenAPI document, Swagger UI and ReDoc, none of which asks another host."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from services.console.web.headers import FOR_DOCS, FOR_STATIC
from services.console.web.page import FOLDER as TEMPLATES

DOCUMENT = Path(__file__).parents[1] / "static" / "openapi.json"
#: This package brings the files of both along; it is looked up, not imported.
PACKAGE, STATIC = "fastapi_offline", "static"
ASSETS = frozenset({"swagger-ui-bundle.js", "swagger-ui.css", "redoc.standalone.js"})
#: Our addresses, and the original's.
PAGES: Mapping[str, tuple[str, ...]] = {
    "swagger.html": ("/docs", "/api/docs"),
    "redoc.html": ("/redoc", "/api/redoc"),
}
SCHEMAS = ("/openapi.json", "/api/schema")


def routes() -> list[Route]:
    """Every address with and without a trailing slash."""
    found = [Route("/docs/assets/{name}", _asset)]
    for name, paths in PAGES.items():
        found += [Route(address, _page(name)) for path in paths for address in (path, path + "/")]
    return found + [Route(address, _document) for path in SCHEMAS for address in (path, path + "/")]


def _page(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def show(_request: Request) -> Response:
        return HTMLResponse((TEMPLATES / name).read_text(), headers=FOR_DOCS)

    return show


async def _document(_request: Request) -> Response:
    return FileResponse(DOCUMENT, media_type="application/json", headers={"Cache-Control": "no-cache"})


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    package = importlib.util.find_spec(PACKAGE)
    if name not in ASSETS or package is None or package.origin is None:
        raise HTTPException(404)
    return FileResponse(Path(package.origin).parent / STATIC / name, headers=FOR_STATIC)
