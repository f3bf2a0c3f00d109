"""An ablation applied to a prompt: rule by rule, in the order of the record's fields."""

from functools import partial
from typing import Any

from urial.core.errors import UrialError
from urial.core.text import counted
from urial.prompts.ablations.answers import plain_answers, random_answers, shuffled
from urial.prompts.ablations.choosing import chosen_examples
from urial.prompts.ablations.draws import drawn_order
from urial.prompts.ablations.pools import Pools
from urial.prompts.ablations.sentences import first_sentences, sentence_count
from urial.prompts.versions.library import require_sound_texts
from urial.records.ablation import Ablation
from urial.records.prompt import VERBATIM, Prompt

# Orders tried before the examples are taken to be all the same.
MOST_DRAWS = 100


def ablated(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    """The prompt that the ablation makes of another.

    Raises UrialError where a rule cannot be applied to this prompt, where it would leave it as it is, and where a pool has not what
    it needs. Description, source and licence stay: they are of the text that was ablated.
    """
    _require_examples_on_file(prompt, ablation)
    result = prompt
    for field, rule in _RULES.items():
        if getattr(ablation, field) is None:
            continue
        changed = rule(result, ablation, pools)
        if changed == result:
            raise UrialError(f"{field}: {getattr(ablation, field)} leaves the prompt as it is, with {_size(result)}")
        result = changed
    require_sound_texts(result, None)
    return result


def _require_examples_on_file(prompt: Prompt, ablation: Ablation) -> None:
    """Raises UrialError where nothing is known of the examples yet, or of the text at all."""
    if prompt.layout == VERBATIM:
        raise UrialError(
            "of an imported text that is kept whole, nothing is known of what is in it",
            fix="import it again without --verbatim",
        )
    of_system = ablation == Ablation(system_sentences=ablation.system_sentences) if ablation.system_sentences is not None else False  # fmt: skip
    if prompt.retrieval is not None and not of_system:
        raise UrialError(
            "the examples of a retrieval-icl prompt are chosen for each instruction",
            expected="a prompt with examples of its own; of this one only system_sentences can be set",
        )


def _examples(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    count = ablation.examples or 0
    if ablation.choice:
        rule = partial(chosen_examples, count=count, choice=ablation.choice, seed=ablation.seed)
        return _changed(prompt, examples=pools.of(ablation.pool or pools.own, rule))
    if count > len(prompt.examples):
        raise UrialError(
            f"examples: {count}, and the prompt has {len(prompt.examples)}",
            fix="set choice (greedy, diverse or random), so that they are chosen from a pool",
        )
    return _changed(prompt, examples=prompt.examples[:count])


def _answers(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    examples, given = _own_examples(prompt, f"answers: {ablation.answers}"), ablation.answer_pool
    drawn = partial(random_answers, examples, seed=ablation.seed)
    match ablation.answers:
        case "shuffled":
            return _changed(prompt, examples=shuffled(examples, ablation.seed))
        case "in-domain":
            return _changed(prompt, examples=pools.of(given or pools.own, drawn))
        case "out-of-domain":
            name = given or pools.of_another_domain()
            if pools.is_own(name):
                raise UrialError(f"{name} is of the domain of {pools.collection}", fix="set answers: in-domain")
            return _changed(prompt, examples=pools.of(name, drawn))
        case "plain":
            return _changed(prompt, examples=pools.of(given or pools.plain, partial(plain_answers, examples)))
    return _changed(prompt, shown="queries")


def _order(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    examples = _own_examples(prompt, f"order: {ablation.order}")
    if ablation.order == "reversed":
        return _changed(prompt, examples=examples[::-1])
    # Another order than the prompt's, as the first of the draws that is one.
    for draw in range(MOST_DRAWS):
        places = drawn_order(len(examples), ablation.seed, f"order {draw}" if draw else "order")
        if (permuted := tuple(examples[place] for place in places)) != examples:
            return _changed(prompt, examples=permuted)
    return prompt


def _queries(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    _own_examples(prompt, "queries: none")
    return _changed(prompt, shown="answers")


def _system_sentences(prompt: Prompt, ablation: Ablation, pools: Pools) -> Prompt:
    count = ablation.system_sentences or 0
    if prompt.system is None:
        raise UrialError(f"system_sentences: {count}, and the prompt has no system text")
    return _changed(prompt, system=first_sentences(prompt.system, count) if count else None)


_RULES = {
    "examples": _examples,
    "answers": _answers,
    "order": _order,
    "queries": _queries,
    "system_sentences": _system_sentences,
}


def _own_examples(prompt: Prompt, what: str) -> Any:
    if not prompt.examples:
        raise UrialError(f"{what}, and the prompt has no examples")
    return prompt.examples


def _changed(prompt: Prompt, **changes: Any) -> Prompt:
    """The prompt with other texts, and with the method that they are of in the paper's words."""
    fields = {name: getattr(prompt, name) for name in Prompt.model_fields} | changes
    texts = (fields["system"] is not None) + 2 * len(fields["examples"])
    if prompt.layout is not None and ("shown" in changes or texts != len(prompt.layout) - 1):
        raise UrialError(
            f"an imported text keeps what stands around its {len(prompt.layout) - 1} texts to the byte, and none can be taken out or added",
            expected="answers shuffled or exchanged, or another order; else a prompt in a dialect's own layout",
        )
    if not fields["examples"] and fields["retrieval"] is None:
        fields["method"] = "urial" if fields["system"] is not None else "zero-shot"
    elif fields["method"] == "zero-shot":
        fields["method"] = "vanilla-icl"
    return Prompt(**fields)


def _size(prompt: Prompt) -> str:
    system = "no system text" if prompt.system is None else counted(sentence_count(prompt.system), "sentence")
    return f"{counted(len(prompt.examples), 'example')} and {system}{' of system text' * (prompt.system is not None)}"
