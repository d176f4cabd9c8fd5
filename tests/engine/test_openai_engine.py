"""An OpenAI-compatible endpoint as an engine, against a real HTTP server that behaves in many ways."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jupyter_mlagent.engine.api import GenerateRequest, PromptRead, TextDelta
from jupyter_mlagent.engine.openai import OpenAIEngine
from jupyter_mlagent.errors import EngineError

Answer = tuple[int, str, Sequence[bytes]]
"""Status, content type, and the body in parts."""

SSE = "text/event-stream"


def sse(*chunks: Any, end: bool = True) -> Answer:
    lines = [f"data: {json.dumps(chunk)}\n\n".encode() for chunk in chunks]
    return 200, SSE, [b": keep-alive\n\n", *lines, *([b"data: [DONE]\n\n"] if end else [])]


def as_json(status: int, content: Any) -> Answer:
    return status, "application/json", [json.dumps(content).encode()]


def said(text: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {"content": text}, **more}]}


def ended(index: int = 0, reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}


class Endpoint:
    """A server whose answers a test writes: `on["/chat/completions"] = lambda fields: sse(...)`."""

    def __init__(self) -> None:
        self.on: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "/models": lambda _: as_json(200, {"object": "list", "data": [{"id": "qwen", "owned_by": "me"}]})
        }
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.keys: list[str | None] = []
        self.hung_up = threading.Event()
        """A client went away before its answer ended."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def requests(self, path: str = "/chat/completions") -> list[dict[str, Any]]:
        return [fields for asked, fields in self.asked if asked == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.respond({})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self.respond(json.loads(self.rfile.read(length)))

            def respond(self, fields: dict[str, Any]) -> None:
                path = self.path.removeprefix("/v1")
                endpoint.asked.append((path, fields))
                endpoint.keys.append(self.headers.get("Authorization"))
                absent = as_json(404, {"error": {"message": "not found"}})
                status, kind, parts = endpoint.on.get(path, lambda _: absent)(fields)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.end_headers()
                try:
                    for part in parts:
                        self.wfile.write(part)
                        self.wfile.flush()
                except OSError:
                    endpoint.hung_up.set()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.close()


@contextlib.asynccontextmanager
async def engine_for(endpoint: Endpoint, **options: Any):
    engine = OpenAIEngine(endpoint.url, **options)
    yield engine
    await engine.close()


async def test_a_reply_streams_and_its_numbers_are_the_endpoints(endpoint, ask):
    logprob = {"logprobs": {"content": [{"token": "x", "logprob": -0.25}]}}
    usage = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 2}}
    usage["usage"]["prompt_tokens_details"] = {"cached_tokens": 8}
    endpoint.on["/chat/completions"] = lambda _: sse(
        said("Hel", **logprob), said("lo", **logprob), ended(), usage
    )
    async with engine_for(endpoint) as engine:
        replies = await ask(engine, "Hi", temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop=("END",))
    assert isinstance(replies.events[0], PromptRead)
    assert replies.texts == ["Hello"] == [replies.streamed(0)]
    assert replies.samples[0].logprobs == (-0.25, -0.25)
    assert replies.samples[0].token_ids == ()
    assert (replies.done.prompt_tokens, replies.done.cached_tokens, replies.done.sampled_tokens) == (12, 8, 2)
    (fields,) = endpoint.requests()
    assert fields["messages"] == [{"role": "user", "content": "Hi"}]
    asked = [fields[name] for name in ("model", "temperature", "top_p", "max_tokens", "seed", "stop")]
    assert asked == ["qwen", 0.5, 0.9, 7, 3, ["END"]]


async def test_several_replies_come_from_one_request_where_the_endpoint_can(endpoint, ask):
    endpoint.on["/chat/completions"] = lambda _: sse(
        said("a", 0), said("b", 1), said("A", 0), ended(1), ended(0, "length")
    )
    async with engine_for(endpoint) as engine:
        replies = await ask(engine, n=2)
    assert replies.texts == ["aA", "b"]
    assert [sample.finish_reason for sample in replies.samples] == ["length", "stop"]
    assert len(endpoint.requests()) == 1


async def test_replies_that_an_endpoint_leaves_out_are_asked_for_one_by_one(endpoint, ask):
    """Ollama, for one, ignores `n`. From then on the requests go out in parallel from the start."""
    endpoint.on["/chat/completions"] = lambda fields: sse(said(f"seed {fields['seed']}"), ended())
    async with engine_for(endpoint) as engine:
        first = await ask(engine, n=3, seed=10)
        again = await ask(engine, n=3, seed=10)
    assert first.texts == again.texts == ["seed 10", "seed 11", "seed 12"]
    assert ["n" in fields for fields in endpoint.requests()] == [True, *[False] * 5]


async def test_what_an_endpoint_refuses_is_left_out_from_then_on(endpoint, ask):
    def strict(fields: dict[str, Any]) -> Answer:
        for name in ("top_k", "logprobs"):
            if name in fields:
                return as_json(400, {"error": {"message": f"Unrecognized request argument: '{name}'."}})
        return sse(said("ok"), ended())

    endpoint.on["/chat/completions"] = strict
    async with engine_for(endpoint) as engine:
        assert (await engine.start()).logprobs
        assert (await ask(engine)).texts == ["ok"]
        assert (await ask(engine)).texts == ["ok"]
        assert not (await engine.info()).logprobs
    assert len(endpoint.requests()) == 4


async def test_a_stop_string_is_cut_off_even_where_the_endpoint_does_not(endpoint, ask):
    endpoint.on["/chat/completions"] = lambda _: sse(said("keep EN"), said("D drop"), ended())
    async with engine_for(endpoint) as engine:
        replies = await ask(engine, stop=("END",))
    assert replies.texts == ["keep "] == [replies.streamed(0)]


@pytest.mark.parametrize(
    "pieces", [("1 + 1", " = 2"), ("Answer: 1", " + 1 = 2"), ("Ans", "wer: ", "1 + 1 = 2")]
)
async def test_a_prefill_starts_the_reply_once_whether_continued_or_repeated(endpoint, ask, pieces):
    endpoint.on["/chat/completions"] = lambda _: sse(*map(said, pieces), ended())
    async with engine_for(endpoint) as engine:
        replies = await ask(engine, prefill="Answer: ")
    assert replies.texts == ["Answer: 1 + 1 = 2"] == [replies.streamed(0)]
    assert endpoint.requests()[0]["messages"][-1] == {"role": "assistant", "content": "Answer: "}


async def test_a_short_reply_that_only_looked_like_the_prefill_is_kept(endpoint, ask):
    endpoint.on["/chat/completions"] = lambda _: sse(said("Ans"), ended())
    async with engine_for(endpoint) as engine:
        assert (await ask(engine, prefill="Answer: ")).texts == ["Answer: Ans"]


async def test_vllm_tells_token_ids_and_context_and_continues_prefills(endpoint, ask):
    model = {"id": "qwen", "owned_by": "vllm", "max_model_len": 4096}
    endpoint.on["/models"] = lambda _: as_json(200, {"data": [model]})
    entries = [{"token": f"token_id:{number}", "logprob": -1.0} for number in (5, 9)]
    endpoint.on["/chat/completions"] = lambda _: sse(said("ab", logprobs={"content": entries}), ended())
    async with engine_for(endpoint) as engine:
        assert (await engine.start()).context_tokens == 4096
        replies = await ask(engine, prefill="x")
    assert replies.samples[0].token_ids == (5, 9)
    assert endpoint.requests()[0]["continue_final_message"] is True


async def test_a_raw_prompt_goes_to_completions(endpoint, ask):
    logprobs = {"tokens": ["r"], "token_logprobs": [-0.5]}
    choice = {"index": 0, "text": "return", "logprobs": logprobs, "finish_reason": "stop"}
    endpoint.on["/completions"] = lambda _: sse({"choices": [choice]})
    async with engine_for(endpoint) as engine:
        replies = await ask(engine, raw_prompt="<fim>def f():")
    assert replies.texts == ["return"]
    assert replies.samples[0].logprobs == (-0.5,)
    assert endpoint.requests("/completions")[0]["prompt"] == "<fim>def f():"


async def test_an_endpoint_that_does_not_stream_is_understood(endpoint, ask):
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    endpoint.on["/chat/completions"] = lambda _: as_json(200, {"choices": [choice]})
    async with engine_for(endpoint) as engine:
        assert (await ask(engine)).texts == ["hi"]


async def test_closing_the_stream_hangs_up(endpoint, make_request):
    def endless(_: Any) -> Answer:
        word = f"data: {json.dumps(said('word '))}\n\n".encode()
        return 200, SSE, (word for _ in iter(int, 1))

    endpoint.on["/chat/completions"] = endless
    async with engine_for(endpoint) as engine:
        stream = engine.generate(make_request())
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        await stream.aclose()
        assert await asyncio.to_thread(endpoint.hung_up.wait, 30)


async def test_embeddings_are_of_unit_length_and_in_order(endpoint):
    data = [{"index": 1, "embedding": [0.0, 2.0]}, {"index": 0, "embedding": [3.0, 4.0]}]
    endpoint.on["/embeddings"] = lambda _: as_json(200, {"data": data})
    async with engine_for(endpoint) as engine:
        assert await engine.embed(["a", "b"]) == [pytest.approx([0.6, 0.8]), pytest.approx([0.0, 1.0])]
        assert await engine.embed([]) == []


async def test_a_vector_for_every_token_is_averaged(endpoint):
    data = [{"index": 0, "embedding": [[2.0, 0.0], [0.0, 2.0]]}]
    endpoint.on["/embeddings"] = lambda _: as_json(200, {"data": data})
    async with engine_for(endpoint) as engine:
        assert await engine.embed(["a"]) == [pytest.approx([0.5**0.5, 0.5**0.5])]


async def test_the_key_is_sent(endpoint):
    async with engine_for(endpoint, api_key="secret") as engine:
        await engine.start()
    assert endpoint.keys == ["Bearer secret"]


def failing(status: int, message: str) -> Callable[[Any], Answer]:
    return lambda _: as_json(status, {"error": {"message": message}})


HTML = (200, "text/html", [b"<html>nothing here</html>"])


@pytest.mark.parametrize(
    ("path", "answer", "sentence"),
    [
        ("/models", failing(401, "bad key"), "refuses the API key .*OPENAI_API_KEY"),
        ("/models", lambda _: HTML, "does not answer as an OpenAI-compatible endpoint"),
        ("/models", lambda _: as_json(200, {"data": []}), "serves no model"),
        ("/models", lambda _: as_json(200, {"data": [{"id": "a"}, {"id": "b"}]}), "no model qwen; .* a, b"),
        ("/chat/completions", failing(404, "model gone"), "no model qwen.*404: model gone"),
        ("/chat/completions", failing(429, "slow down"), "429: slow down.*wait"),
        ("/chat/completions", failing(500, "CUDA error"), "500: CUDA error"),
        ("/chat/completions", failing(400, "context length exceeded"), "400: context length exceeded"),
        ("/chat/completions", lambda _: (502, "text/html", [b"<h1>Bad gateway</h1>"]), "502: .*Bad gateway"),
        ("/chat/completions", lambda _: HTML, "no chat completion"),
        ("/chat/completions", lambda _: (200, SSE, [b"data: {not json}\n\n"]), "no chat completion"),
        ("/chat/completions", lambda _: (200, SSE, [b"data: [1, 2]\n\n"]), "no chat completion"),
        ("/chat/completions", lambda _: (200, SSE, [b"\xff\xfe\x00garbage\n\n"]), "middle of a reply"),
        ("/chat/completions", lambda _: sse(said("half"), end=False), "middle of a reply"),
        (
            "/chat/completions",
            lambda _: sse(said("half"), {"error": {"message": "out of memory"}}),
            "out of mem",
        ),
        ("/chat/completions", lambda _: sse(), "middle of a reply"),
        ("/embeddings", failing(404, "no such route"), "404"),
    ],
)
async def test_what_goes_wrong_is_one_sentence_with_the_url(endpoint, ask, path, answer, sentence):
    endpoint.on[path] = answer
    async with engine_for(endpoint, model="qwen") as engine:
        with pytest.raises(EngineError, match=sentence) as failure:
            await (engine.embed(["x"]) if path == "/embeddings" else ask(engine))
    assert endpoint.url in str(failure.value)
    assert "\n" not in str(failure.value)


async def test_an_endpoint_without_a_list_of_models_serves_the_named_one(endpoint, ask):
    del endpoint.on["/models"]
    endpoint.on["/chat/completions"] = lambda fields: sse(said(fields["model"]), ended())
    async with engine_for(endpoint, model="named") as engine:
        assert (await ask(engine)).texts == ["named"]


async def test_a_server_that_is_not_there_is_named(ask):
    engine = OpenAIEngine("http://127.0.0.1:9/v1")
    with pytest.raises(EngineError, match=r"127\.0\.0\.1:9/v1 cannot be reached"):
        await ask(engine)


async def test_a_server_that_stays_silent_is_given_up(endpoint, ask):
    release = threading.Event()

    def silent(_: Any) -> Answer:
        release.wait()
        return sse()

    endpoint.on["/chat/completions"] = silent
    async with engine_for(endpoint, timeout_seconds=0.2) as engine:
        with pytest.raises(EngineError, match="did not answer in time"):
            await ask(engine)
    release.set()


async def test_a_connection_cut_in_mid_reply_is_told(endpoint, ask):
    def cut(_: Any) -> Answer:
        def parts() -> Iterator[bytes]:
            yield f"data: {json.dumps(said('half'))}\n\n".encode()
            raise OSError("cut")

        return 200, SSE, parts()

    endpoint.on["/chat/completions"] = cut
    async with engine_for(endpoint) as engine:
        with pytest.raises(EngineError, match=r"middle of a reply|broke off"):
            await ask(engine)


async def test_what_an_endpoint_cannot_do_is_refused_before_it_is_asked(endpoint, ask, tmp_path):
    async with engine_for(endpoint) as engine:
        with pytest.raises(EngineError, match="no grammar"):
            await ask(engine, grammar='root ::= "x"')
        with pytest.raises(EngineError, match="neither messages nor"):
            await anext(aiter(engine.generate(GenerateRequest())))
        with pytest.raises(EngineError, match="cannot load adapters"):
            await engine.load_adapter(tmp_path / "a.gguf")
        assert (await engine.load_adapter(None)).adapter is None
    assert not endpoint.requests()


async def test_texts_that_utf8_cannot_encode_are_sent_all_the_same(endpoint, ask):
    endpoint.on["/chat/completions"] = lambda fields: sse(said(fields["messages"][0]["content"]), ended())
    async with engine_for(endpoint) as engine:
        assert (await ask(engine, "lone \ud800")).texts == ["lone ?"]
