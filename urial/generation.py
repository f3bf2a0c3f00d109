"""Answers every assembled prompt of one system, computing only what the row cache does not have."""

from collections.abc import Sequence
from pathlib import Path

from urial.assembly import too_long
from urial.engines import Engine, Request
from urial.engines.loading import context_length, read_manifest
from urial.hashing import content_hash
from urial.plans import SystemPlan
from urial.progress import progress
from urial.records import Answer, AssembledPrompt, Completion, Hash, ModelManifest
from urial.rowcache import RowCache

# Raised when the same inputs would give another answer than before; old rows are then left alone.
ALGORITHM = 1


def generate(
    plan: SystemPlan, prompts: Sequence[AssembledPrompt], model_folder: Path, cache: RowCache
) -> list[Completion]:
    """One completion a prompt, in their order. Finished rows are in the cache at once."""
    context = context_length(model_folder)
    reasons = [too_long(prompt, context, plan.decoding.max_new_tokens) for prompt in prompts]
    manifest = read_manifest(model_folder)
    keys = [
        completion_key(manifest, prompt, plan) if reason is None else None
        for prompt, reason in zip(prompts, reasons, strict=True)
    ]
    keyed = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key is not None}
    answers = _answers(plan, keyed, model_folder, cache)
    return [
        _completion(prompt, reason, key, answers) for prompt, reason, key in zip(prompts, reasons, keys, strict=True)
    ]


def _answers(
    plan: SystemPlan, keyed: dict[Hash, AssembledPrompt], model_folder: Path, cache: RowCache
) -> dict[Hash, Answer]:
    """The answer of every key: from the cache, or computed now and kept there."""
    keys = list(keyed)
    answers = cache.get(keys, Answer)
    wanted = [index for index, key in enumerate(keys) if key not in answers]
    print(f"{plan.system}: {len(answers)} answers from the row cache, {len(wanted)} to compute", flush=True)
    if not wanted:
        return answers
    from urial.engines.hf import TransformersEngine

    engine: Engine = TransformersEngine(model_folder, plan.threads, plan.generation.batch_size)
    requests = [_request(key, prompt, plan.decoding.seed) for key, prompt in keyed.items()]
    finished = engine.complete(requests, wanted, plan.decoding)
    for index, answer in progress(finished, len(wanted), plan.system):
        answers[keys[index]] = answer
        cache.put(keys[index], answer)
    return answers


def _request(key: Hash, prompt: AssembledPrompt, seed: int) -> Request:
    # The key already holds the seed; with its digits, every row draws its own numbers.
    row_seed = int(content_hash([seed, key])[-12:], 16)
    return Request(prompt.text, prompt.adds_special_tokens, prompt.stop, row_seed)


def completion_key(manifest: ModelManifest, prompt: AssembledPrompt, plan: SystemPlan) -> Hash:
    """Content address of an answer: everything that can change it, and nothing else."""
    return content_hash(
        {
            "row": "answer",
            "algorithm": ALGORITHM,
            "model": manifest.files,
            "dtype": manifest.loading.dtype,
            "quantisation": manifest.loading.quantisation,
            "prompt": prompt.text,
            "adds_special_tokens": prompt.adds_special_tokens,
            "stop": prompt.stop,
            "decoding": plan.decoding.model_dump(mode="json"),
        }
    )


def _completion(
    prompt: AssembledPrompt, reason: str | None, key: Hash | None, answers: dict[Hash, Answer]
) -> Completion:
    return Completion(
        instruction_id=prompt.instruction_id,
        system=prompt.system,
        status="ok" if reason is None else "too_long",
        reason=reason,
        answer=None if key is None else answers[key],
        key=key,
    )
