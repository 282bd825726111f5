"""Whether a round's rollouts belong to the policy that is about to learn from them."""

from torch import Tensor

from mtpipe.errors import MtpipeError
from mtpipe.learn.batching.steps import TrainingSample
from mtpipe.learn.scoring.sequences import Sequences


def check_tokens(responses: list[TrainingSample], vocabulary: int) -> None:
    """Raises MtpipeError for a token outside the policy's vocabulary, and for a response without tokens."""
    for response in responses:
        if not response.rollout.response_ids or not response.rollout.prompt_ids:
            raise MtpipeError(
                f"problem {response.rollout.problem_id!r} has a response without tokens, or no prompt; "
                f"run the rollout stage again"
            )
        ids = (response.rollout.prompt_ids, response.rollout.response_ids)
        largest, smallest = (pick(map(pick, ids)) for pick in (max, min))
        if not 0 <= smallest <= largest < vocabulary:
            raise MtpipeError(
                f"problem {response.rollout.problem_id!r} has the token "
                f"{largest if largest >= vocabulary else smallest}, the policy's vocabulary ends at "
                f"{vocabulary - 1}: another policy sampled it; run the rollout stage again"
            )


def check_logprobs(
    logprobs: Tensor, sampled: Tensor, sequences: Sequences, batch: list[TrainingSample], tolerance: float
) -> None:
    """Holds the policy's tempered log-probs [tokens] against the rollouts', token by token.

    Raises MtpipeError if any differs by more than `tolerance` nats: the policy is not the one that sampled,
    or temperatures and tokens are out of step.
    """
    gap = (logprobs - sampled).abs()
    worst = int(gap.argmax())
    if gap[worst] <= tolerance:
        return
    rollout = batch[int(sequences.response_index[worst])].rollout
    token = worst - int((sequences.response_index < sequences.response_index[worst]).sum())
    raise MtpipeError(
        f"the rollouts' log-probs do not fit the policy: problem {rollout.problem_id!r}, token {token} was sampled "
        f"with {float(sampled[worst]):.6f} nats at temperature {rollout.temperatures[token]:g}, the policy gives "
        f"{float(logprobs[worst]):.6f} (allowed difference {tolerance:g}: update.logprob_tolerance). Either another "
        f"policy sampled them, or their temperatures are not aligned with their tokens, or not the masks of a "
        f"truncation; run the rollout stage again"
    )
