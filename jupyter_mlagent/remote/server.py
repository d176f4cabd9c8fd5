"""What is asked of a Jupyter server over HTTP: contents, sessions, kernels, the state of its agent."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from jupyter_mlagent.errors import KernelError, MlagentError, NotebookError
from jupyter_mlagent.records import Record

SECONDS = 10.0
"""Longest that one answer may take."""
PAGES = ("/lab", "/tree", "/notebooks", "/doc")
"""Where an address copied from a browser goes on after the server's own."""


class Address(Record):
    """Of a server: `http://host:port/base/`, and what lets us in."""

    url: str
    token: str = ""

    @property
    def socket_url(self) -> str:
        return "ws" + self.url.removeprefix("http")

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"} if self.token else {}


def address_of(url: str, token: str | None = None) -> Address:
    """From what a person pastes: the page's address too, with the token in it. Raises MlagentError."""
    parts = urlsplit(url if "//" in url else f"http://{url}")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise MlagentError(f"'{url}' is not a server's address; give e.g. http://localhost:8888.")
    path = parts.path
    for page in PAGES:
        at = f"{path}/".find(f"{page}/")
        if at >= 0:
            path = path[:at]
    base = f"{parts.scheme}://{parts.netloc}{path.rstrip('/')}/"
    return Address(url=base, token=token or parse_qs(parts.query).get("token", [""])[0])


class Server:
    """Methods raise MlagentError with one sentence: not there, no access, no such thing."""

    def __init__(self, address: Address) -> None:
        self.address = address
        options: dict[str, Any] = {
            "base_url": address.url,
            "headers": address.headers,
            "timeout": SECONDS,
            "follow_redirects": False,
            # A server on this machine is not reached through a proxy.
            "trust_env": False,
        }
        self._client = httpx.AsyncClient(**options)
        self._now = httpx.Client(**options)

    async def close(self) -> None:
        self._now.close()
        await self._client.aclose()

    # -- the agent's side

    async def agent(self) -> dict[str, Any]:
        """Of its extension: version, model, state of the engine."""
        try:
            found: dict[str, Any] = await self._ask("GET", "mlagent/status")
        except NotebookError:
            raise MlagentError(
                f"The Jupyter server at {self.address.url} runs without mlagent; install it there "
                f"(`pip install 'jupyter-mlagent[lab]'`) and start it again."
            ) from None
        return found

    async def search_export(self, path: str, form: str) -> str:
        """The last search over a notebook, as `html` or as `json`. Raises NotebookError."""
        route = f"mlagent/search?path={quote(path, safe='')}&form={form}"
        try:
            answer = await self._client.request("GET", route)
        except httpx.HTTPError as error:
            raise MlagentError(self._gone(error)) from error
        if not answer.is_success:
            self._answered(answer)
        return answer.text

    # -- notebooks

    async def read(self, path: str) -> dict[str, Any]:
        """The contents model of a notebook, content included. Raises NotebookError."""
        model: dict[str, Any] = await self._ask("GET", f"api/contents/{quote(path)}?type=notebook&content=1")
        return model

    def read_now(self, path: str) -> dict[str, Any]:
        route = f"api/contents/{quote(path)}?type=notebook&content=1"
        model: dict[str, Any] = self._answered(self._now_or_gone("GET", route))
        return model

    async def stamp(self, path: str) -> str:
        """What changes when somebody saves the notebook."""
        return stamp_of(await self._ask("GET", f"api/contents/{quote(path)}?content=0"))

    def stamp_now(self, path: str) -> str:
        return stamp_of(self._answered(self._now_or_gone("GET", f"api/contents/{quote(path)}?content=0")))

    def write_now(self, path: str, node: Any) -> str:
        """Save; returns the new stamp."""
        body = {"type": "notebook", "format": "json", "content": node}
        return stamp_of(self._answered(self._now_or_gone("PUT", f"api/contents/{quote(path)}", body)))

    # -- kernels

    async def session(self, path: str, kernelspec: str) -> tuple[str, bool]:
        """Id of the notebook's kernel, and whether it was running already."""
        for session in await self._ask("GET", "api/sessions"):
            if session.get("path") == path and session.get("kernel"):
                return str(session["kernel"]["id"]), True
        wish = {
            "path": path,
            "name": path.rsplit("/", 1)[-1],
            "type": "notebook",
            "kernel": {"name": kernelspec},
        }
        try:
            made = await self._ask("POST", "api/sessions", wish)
        except NotebookError as error:
            raise KernelError(f"The server could not start the kernel '{kernelspec}' ({error}).") from None
        return str(made["kernel"]["id"]), False

    async def interrupt(self, kernel_id: str) -> None:
        await self._ask("POST", f"api/kernels/{kernel_id}/interrupt", {})

    async def restart(self, kernel_id: str) -> None:
        await self._ask("POST", f"api/kernels/{kernel_id}/restart", {})

    # -- how

    async def _ask(self, method: str, route: str, body: Any = None) -> Any:
        try:
            answer = await self._client.request(method, route, json=body)
        except httpx.HTTPError as error:
            raise MlagentError(self._gone(error)) from error
        return self._answered(answer)

    def _now_or_gone(self, method: str, route: str, body: Any = None) -> httpx.Response:
        try:
            return self._now.request(method, route, json=body)
        except httpx.HTTPError as error:
            raise NotebookError(self._gone(error)) from error

    def _answered(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        if answer.status_code in (301, 302, 401, 403):
            raise MlagentError(
                f"The Jupyter server at {self.address.url} does not let us in; give its token with --token "
                f"(`jupyter server list` shows it)."
            )
        try:
            reason = str(answer.json()["message"])
        except (ValueError, KeyError, TypeError):
            reason = answer.reason_phrase
        raise NotebookError(f"The Jupyter server refused ({answer.status_code}): {reason}")

    def _gone(self, error: Exception) -> str:
        why = f"{error}" or type(error).__name__
        return f"The Jupyter server at {self.address.url} cannot be reached ({why}); is it running?"


def stamp_of(model: dict[str, Any]) -> str:
    return str(model.get("last_modified"))
