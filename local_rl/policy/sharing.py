"""Whether a loaded model computes several replies to one prompt in one row, each seeing only its own.

Stock attention takes any mask; fast attention kernels may take causal ones only, and would let a reply read
its siblings without a word. So it is tried out, with the model as it is.
"""

from __future__ import annotations

from local_rl.policy.loading import Policy

TOLERANCE = 0.05
"""In nats, for bfloat16; a reply that reads another one is far beyond."""


def shares_prompts(policy: Policy) -> bool:
    """Compares two replies in one row with each alone."""
    import torch

    from local_rl.steps.packing import pack, visible

    prompt = policy.tokens.opening("The numbers are 4, 8, 15, 16, 23 and 42. The answer to this is")
    replies = [
        policy.tokens.reply(text) for text in (" forty-two, as everybody knows.", " fifteen. No: four.")
    ]
    model = policy.model
    was_training = model.training
    model.eval()

    def last(rows: list[list[int]]) -> torch.Tensor:
        """Log-probabilities after the last reply's last token but one."""
        row = pack(prompt, rows)
        segments = torch.tensor(row.segments, device=policy.device)
        logits = model(
            input_ids=torch.tensor([row.tokens], device=policy.device),
            attention_mask=visible(segments)[None, None],
            position_ids=torch.tensor([row.positions], device=policy.device),
        ).logits
        return torch.log_softmax(logits[0, -2].float(), dim=-1)

    try:
        with torch.no_grad():
            together, alone = last(replies), last(replies[1:])
    except (RuntimeError, ValueError, TypeError):
        return False
    finally:
        model.train(was_training)
    likely = alone > -10
    return bool((together - alone)[likely].abs().max() < TOLERANCE)
