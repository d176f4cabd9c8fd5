"""Who may use the routes: nobody without the token, nobody from a foreign page, nobody without permission."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROUTES = [
    ("GET", "status"),
    ("GET", "models"),
    ("POST", "models"),
    ("POST", "models/download"),
    ("DELETE", "models/download"),
    ("GET", "adapters"),
    ("POST", "adapters"),
    ("GET", "adapters/comparison?name=mine"),
    ("POST", "adapters/promotion"),
    ("DELETE", "adapters/promotion"),
    ("GET", "training"),
    ("POST", "training"),
    ("POST", "training/pause"),
    ("DELETE", "training/pause"),
    ("GET", "journal?path=work.ipynb"),
    ("GET", "journal/1"),
    ("GET", "search?path=work.ipynb"),
    ("GET", "notebook?path=work.ipynb"),
]


async def status_of(method: str, url: str, headers: dict[str, str]) -> int:
    client = AsyncHTTPClient()
    body = "{}" if method == "POST" else None
    try:
        answer = await client.fetch(url, method=method, body=body, headers=headers, follow_redirects=False)
    except HTTPClientError as error:
        return int(error.code)
    return int(answer.code)


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_without_a_token_nothing_is_served(server: Any, method: str, route: str) -> None:
    status = await status_of(method, f"http://{server.address}{route}", {})
    assert status in (401, 403)


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_a_wrong_token_is_no_token(server: Any, method: str, route: str) -> None:
    headers = {"Authorization": "token wrong"}
    status = await status_of(method, f"http://{server.address}{route}", headers)
    assert status in (401, 403)


@pytest.mark.parametrize(("method", "route"), ROUTES)
async def test_a_user_without_permission_is_refused(
    server: Any,
    method: str,
    route: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, str]] = []

    def nobody(handler: Any, user: Any, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return False

    monkeypatch.setattr(server.app.authorizer, "is_authorized", nobody)
    status = await status_of(method, f"http://{server.address}{route}", server.headers)
    assert status == 403
    expected = {"GET": "read", "POST": "write", "DELETE": "write"}[method]
    assert asked == [("execute" if route.startswith("notebook") else expected, "mlagent")]


async def connect(server: Any, headers: dict[str, str]) -> Any:
    request = HTTPRequest(f"ws://{server.address}notebook?path=work.ipynb", headers=headers)
    return await websocket_connect(request)


async def test_a_foreign_page_with_the_persons_cookie_cannot_open_the_channel(server: Any) -> None:
    login = await AsyncHTTPClient().fetch(
        f"http://{server.host}/base/?token={server.token}",
        raise_error=False,
        follow_redirects=False,
    )
    cookies = "; ".join(header.split(";")[0] for header in login.headers.get_list("Set-Cookie"))
    assert "username" in cookies

    own = await connect(server, {"Cookie": cookies, "Origin": f"http://{server.host}"})
    assert json.loads(await own.read_message())["type"] == "room_state"
    own.close()

    with pytest.raises(HTTPClientError) as refused:
        await connect(server, {"Cookie": cookies, "Origin": "http://evil.example"})
    assert refused.value.code == 403


async def test_the_channel_wants_to_know_which_notebook(
    server: Any,
) -> None:
    assert await status_of("GET", f"http://{server.address}notebook", server.headers) == 400


async def test_no_route_is_left_out_of_these_tests(server: Any) -> None:
    (extension,) = server.app.extension_manager.extension_apps["jupyter_mlagent.server"]
    offered = {
        (method.upper(), pattern)
        for pattern, handler, *_ in extension.handlers
        if pattern.startswith("/mlagent/")
        for method in ("get", "post", "delete")
        if method in vars(handler)
    }
    tested = {
        (method, pattern)
        for method, route in ROUTES
        for _, pattern in offered
        if re.fullmatch(pattern, f"/mlagent/{route.partition('?')[0]}")
    }
    assert tested == offered
