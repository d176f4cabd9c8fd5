"""A real small model in a real worker: what a request yields."""

from __future__ import annotations

import numpy as np
import pytest
import pytest_asyncio

from jupyter_mlagent.engine.api import GenerateRequest, PromptRead, ReplyDone, TextDelta
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

LONG = "Here is a table of readings.\n" + "\n".join(f"row {row}: value {row * 37 % 101}" for row in range(90))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(small_model):
    engine = LlamaEngine(small_model, context_tokens=2048)
    await engine.start()
    yield engine
    await engine.close()


async def test_several_replies_come_from_one_prompt_and_end_with_done(engine, ask):
    replies = await ask(engine, n=3, max_tokens=12)
    kinds = [type(event) for event in replies.events]
    assert kinds[0] is PromptRead
    assert sorted(event.index for event in replies.events if isinstance(event, ReplyDone)) == [0, 1, 2]
    assert replies.done.sampled_tokens == sum(len(sample.token_ids) for sample in replies.samples)


async def test_streamed_text_adds_up_to_the_reply(engine, ask):
    replies = await ask(engine, "Write one line with an emoji: 🙂", n=2, max_tokens=24)
    assert [replies.streamed(index) for index in range(2)] == replies.texts


async def test_every_sampled_token_has_a_log_probability(engine, ask):
    replies = await ask(engine, n=2)
    for sample in replies.samples:
        assert len(sample.logprobs) == len(sample.token_ids) > 0
        assert max(sample.logprobs) <= 0


async def test_the_same_seed_gives_the_same_replies_and_another_seed_others(engine, ask):
    first, again, other = [await ask(engine, n=2, seed=seed, temperature=1.0) for seed in (1, 1, 2)]
    assert first.samples == again.samples
    assert first.texts != other.texts
    assert first.texts[0] != first.texts[1]


async def test_without_a_seed_replies_differ(engine, ask):
    texts = [(await ask(engine, seed=None, temperature=1.5, top_k=0)).texts[0] for _ in range(2)]
    assert texts[0] != texts[1]


async def test_temperature_zero_is_greedy_whatever_the_seed(engine, ask):
    texts = {(await ask(engine, temperature=0, seed=seed)).texts[0] for seed in (1, 2)}
    assert len(texts) == 1


async def test_a_reply_stops_at_max_tokens_and_says_so(engine, ask):
    sample = (await ask(engine, max_tokens=5)).samples[0]
    assert sample.finish_reason == "length"
    assert len(sample.token_ids) == 5


async def test_a_stop_string_ends_the_reply_and_is_not_shown(engine, ask):
    whole = (await ask(engine, temperature=0, max_tokens=24)).texts[0]
    stop = whole[8:14]
    replies = await ask(engine, temperature=0, max_tokens=24, stop=(stop,))
    assert replies.samples[0].finish_reason == "stop"
    assert replies.texts[0] == whole[: whole.index(stop)] == replies.streamed(0)


async def test_the_model_ends_its_own_turn(engine, ask):
    sample = (await ask(engine, "Answer with the single word yes.", temperature=0, max_tokens=200)).samples[0]
    assert sample.finish_reason == "stop"
    assert "<|im_end|>" not in sample.text


async def test_a_prefill_starts_every_reply(engine, ask):
    replies = await ask(engine, n=2, prefill="One, two,")
    assert all(text.startswith("One, two,") for text in replies.texts)
    assert [replies.streamed(index) for index in range(2)] == replies.texts


async def test_each_reply_goes_on_from_a_prefill_of_its_own(engine, ask):
    starts = (LONG[:120], "The first value is", "")
    together = await ask(engine, n=3, prefills=starts, temperature=0, max_tokens=150)
    for start, sample in zip(starts, together.samples, strict=True):
        alone = (await ask(engine, prefill=start, temperature=0, max_tokens=150)).samples[0]
        assert sample.text.startswith(start)
        assert sample.token_ids[0] == alone.token_ids[0]
        assert sample.logprobs[0] == pytest.approx(alone.logprobs[0], abs=0.1)
        assert len(sample.token_ids) == len(sample.logprobs)


async def test_the_first_reply_can_be_written_before_the_others(engine, ask):
    led, together = [await ask(engine, n=3, lead=lead) for lead in (True, False)]
    ends = [event.index for event in led.events if isinstance(event, ReplyDone)]
    first = next(position for position, event in enumerate(led.events) if isinstance(event, ReplyDone))
    written = {event.index for event in led.events[first + 1 :] if isinstance(event, TextDelta)}
    assert ends[0] == 0 and written == {1, 2}
    assert [sample.token_ids[0] for sample in led.samples] == [
        sample.token_ids[0] for sample in together.samples
    ]


async def test_a_prefill_longer_than_the_reply_may_be_ends_it(engine, ask):
    long, short = (await ask(engine, n=2, prefills=(LONG, "The"), max_tokens=12)).samples
    assert (long.finish_reason, long.token_ids) == ("length", ())
    assert LONG.startswith(long.text) and len(short.token_ids) > 0


async def test_a_grammar_leaves_nothing_else(engine, ask):
    replies = await ask(engine, n=4, grammar='root ::= ("yes" | "no") "."', temperature=2.0, top_k=0)
    assert set(replies.texts) <= {"yes.", "no."}
    assert {sample.finish_reason for sample in replies.samples} == {"stop"}


async def test_an_invalid_grammar_is_refused_and_the_engine_goes_on(engine, ask):
    with pytest.raises(EngineError, match="grammar"):
        await ask(engine, grammar="root ::= (")
    assert (await ask(engine)).texts


async def test_log_probabilities_are_those_of_the_untempered_model(engine, ask, small_model):
    """Against the high-level class, which evaluates prompt and reply in one pass and keeps all logits."""
    from llama_cpp import Llama

    prompt = "def add(a, b):\n    return"
    sample = (await ask(engine, raw_prompt=prompt, temperature=2.0, top_k=0, top_p=1.0)).samples[0]
    peer = Llama(str(small_model), n_ctx=256, logits_all=True, verbose=False)
    tokens = peer.tokenize(prompt.encode(), special=True)
    peer.eval(tokens + list(sample.token_ids))
    logits = peer.scores[len(tokens) - 1 : len(tokens) - 1 + len(sample.token_ids)].astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    expected = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    rows = np.arange(len(sample.token_ids))
    # Kernels for one row and for many round differently; a tempered value would be off by a factor of 2.
    drawn = expected[rows, list(sample.token_ids)].tolist()
    assert sample.logprobs == pytest.approx(drawn, rel=0.05, abs=0.3)
    assert min(drawn) < -5


async def test_a_prompt_beyond_the_context_is_refused_with_the_numbers(engine, ask):
    with pytest.raises(EngineError, match=r"2,0\d\d tokens .* 100 .* 2,048: shorten"):
        await ask(engine, raw_prompt="word " * 2010, max_tokens=100)
    for n in (0, 129):
        with pytest.raises(EngineError, match=r"1 to 128 replies"):
            await ask(engine, n=n)
    with pytest.raises(EngineError, match="neither messages nor"):
        await anext(aiter(engine.generate(GenerateRequest())))


async def test_more_replies_than_fit_at_once_take_turns_in_the_memory(engine, ask):
    """12 replies of up to 500 tokens need 6,000 cells, and there are 4,096; 40 need more than one batch."""
    long = await ask(engine, "Say hello.", n=12, max_tokens=500, stop=("!", ".", ","))
    many = await ask(engine, n=40, max_tokens=3)
    assert len(long.samples) == 12
    assert len(many.samples) == 40


async def test_replies_do_not_depend_on_what_was_cached(engine, ask):
    """Cold, with the whole prompt kept, with half of it kept, and back from another notebook's turn."""
    asked = {"n": 2, "max_tokens": 20, "temperature": 1.0}
    await engine.load_adapter(None)
    cold = await ask(engine, LONG, cache_key="one", **asked)
    warm = await ask(engine, LONG, cache_key="one", **asked)
    await ask(engine, LONG[: len(LONG) // 2], cache_key="one", n=3)
    half = await ask(engine, LONG, cache_key="one", **asked)
    await ask(engine, "Something else. " * 40, cache_key="two")
    back = await ask(engine, LONG, cache_key="one", **asked)

    assert cold.read.cached_tokens == 0
    for later in (warm, half, back):
        assert later.read.cached_tokens > 200
        assert later.samples == cold.samples


async def test_a_changed_end_keeps_the_prefix(engine, ask):
    await ask(engine, LONG + "\nWhat is the mean?", cache_key="one")
    read = (await ask(engine, LONG + "\nWhat is the largest value?", cache_key="one")).read
    assert read.cached_tokens >= read.prompt_tokens - 2 * 64


async def test_odd_texts_are_served(engine, ask):
    for text in ("a\x00b", "lone \ud800 surrogate", "漢字 🙂 é", " ", "\n" * 300):
        assert (await ask(engine, text, max_tokens=2)).samples


async def test_a_message_cannot_forge_a_turn(engine):
    """Spelled-out control tokens are text: they cost more tokens than the one they would be parsed to."""

    async def count(content: str) -> int:
        return await engine.count_tokens([ChatMessage(role="user", content=content)])

    plain = await count("x")
    assert await count("x<|im_end|>") > plain + 2


async def test_counting_includes_the_template_and_needs_no_turn(engine, make_request):
    content = "Count from one to twenty in words."
    message = ChatMessage(role="user", content=content)
    stream = engine.generate(make_request(content, max_tokens=64))
    read = await anext(stream)
    assert await engine.count_tokens([message]) == read.prompt_tokens
    await stream.aclose()


async def test_only_as_many_idle_prompts_are_kept_as_memory_is_granted(small_model, ask):
    """A prompt of some 900 tokens takes about 20 MB; 30 MB hold one beside the one in use."""
    engine = LlamaEngine(small_model, context_tokens=1024, idle_prefix_bytes=30 << 20)
    prompts = {key: f"Notebook {key}. {LONG}" for key in "abc"}
    for key, prompt in prompts.items():
        assert (await ask(engine, prompt, cache_key=key, max_tokens=1)).read.cached_tokens < 64
    kept = {}
    for key in "cba":
        kept[key] = (await ask(engine, prompts[key], cache_key=key, max_tokens=1)).read.cached_tokens > 64
    assert kept == {"c": True, "b": True, "a": False}
    await engine.close()


async def test_fill_in_the_middle_completes_between_prefix_and_suffix(coder_model, ask):
    engine = LlamaEngine(coder_model, context_tokens=512)
    info = await engine.start()
    assert info.fim
    prefix, suffix, middle = info.fim_tokens
    raw = f"{prefix}def add(a, b):\n    return{suffix}\n\nprint(add(1, 2))\n{middle}"
    replies = await ask(engine, raw_prompt=raw, temperature=0, max_tokens=12, stop=("\n",))
    assert replies.texts[0].strip() == "a + b"
    await engine.close()
