"""The answers of blends and controls: keys of both models, the share that a control takes, and the tokens with what they are."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from urial.blending.control import rule_of
from urial.blending.keys import BlendedModels, PromptPair, blended_key
from urial.blending.room import Contexts, pair_too_long
from urial.blending.run import decodings_of
from urial.core.text import counted
from urial.local_models.decoding.answer_text import answer_text
from urial.local_models.loading.loading import encode
from urial.prompts.versions.assembly import Assembler
from urial.prompts.versions.rendering import render
from urial.provenance.verify.answers import Origin, completions_checked
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited, require_same_rows
from urial.records.base import Hash
from urial.records.completion import Answer, AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedModel
from urial.run.paths import BLENDED, BLENDED_TOKENS, COMPLETIONS, MANIFEST, PROMPTS, SYSTEM_PLAN
from urial.token_shift.blended.tokens import blended_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def check_blended_of(run: Run, system: str) -> Checked:
    """The answers of a blend or a control: each under the key that both models, prompts, decodings and the rule give.

    The rule of a control has the share of places at which the blend's rule stepped in, over the blend's answers.
    """
    return completions_checked(run, system, _BlendOrigin(run, system))


def check_tokens_of(run: Run, system: str) -> Checked:
    """The tokens of a blend's answers, their words and labels, and the interventions, are those that the answers give."""
    rows, path = run.ordered_rows(BLENDED_TOKENS, system), BLENDED_TOKENS.path(system)
    completions = run.ordered_rows(COMPLETIONS, system)
    for number, (row, completion) in enumerate(zip(rows, completions, strict=True), start=1):
        turns = [turn.answer for turn in (completion, *completion.later_turns)]
        made = [answer and answer.interventions for answer in turns]
        if [turn and turn.interventions for turn in row.turns] != made:
            where = COMPLETIONS.path(system)
            raise edited(path, f"line {number}, interventions: not those of the answers", where=where)
    plan = run.record(SYSTEM_PLAN, system)
    if not isinstance(run.record(MANIFEST, "base").source, EmbeddedModel):
        return Checked(f"{counted(len(rows), 'row')}: interventions compared with the answers")
    run.require_sound_model("base")
    prompts, folder = run.ordered_rows(PROMPTS, system), run.model_folder("base")
    derived = blended_tokens(plan, run.instructions, prompts, completions, folder)
    require_same_rows(path, derived, rows, "read again", COMPLETIONS.path(system))
    return Checked(f"{counted(len(rows), 'row')}: tokens, words and labels read again")


class _BlendOrigin(Origin):
    """What the answers of a blend follow from: besides the base's, the helper's prompts, and the rule."""

    def __init__(self, run: Run, system: str) -> None:
        super().__init__(run, system)
        blend = self.plan.blend
        if blend is None:
            raise NotCheckedError(f"{system} is planned as no blend, see the plan")
        helper = blend.helper
        roles = ("base",) if helper.model else ("base", "aligned")
        manifests = {role: run.record(MANIFEST, role) for role in roles}
        self.models = BlendedModels.of(blend, manifests)
        self.rule = rule_of(self.plan, run.ordered_rows(BLENDED, blend.control_of) if blend.control_of else ())
        self.helper: Assembler | None = None
        self.of_helper = self.plan.of_helper
        if helper.model is None and isinstance(manifests["aligned"].source, EmbeddedModel):
            run.require_sound_model("aligned")
            self.helper = Assembler(self.of_helper, run.model_folder("aligned"))
        # The first prompts of a helper that is a system of the run are that system's, which are checked as such.
        self.recorded = {row.instruction_id: row for row in run.rows(PROMPTS, helper.system)} if helper.system else {}

    def _pair(self, instruction: Instruction, prompt: AssembledPrompt, answers: Sequence[str]) -> PromptPair | None:
        """Both prompts of a turn; None where only a tokenizer that is not in the run could tell the helper's."""
        if self.helper is not None:
            return PromptPair(prompt, self.helper.prompt(instruction, answers))
        known = self.recorded.get(instruction.id)
        if known is not None and not answers:
            return PromptPair(prompt, known.model_copy(update={"system": self.plan.system}))
        version = self.of_helper.prompt
        if version is None or version.retrieval is not None:
            return None
        history = list(zip(instruction.turns, answers, strict=False))
        rendered = render(version, instruction.turns[len(answers)], history)
        update = {"text": rendered.text, "stop": rendered.stop, "adds_special_tokens": True, "n_tokens": None}
        return PromptPair(prompt, prompt.model_copy(update=update))

    def reason(self, instruction: Instruction, prompt: AssembledPrompt, answers: Sequence[str]) -> str | None:
        pair = self._pair(instruction, prompt, answers)
        if pair is None:
            return super().reason(instruction, prompt, answers)
        return pair_too_long(pair, Contexts(self.context, self.helper.context if self.helper else None), self.plan)

    def explains(self, recorded: str | None, derived: str | None) -> bool:
        # The context of a model that is not in the run is not known, nor how many tokens it needs.
        absent = self.helper is None or (self.plan.blend is not None and self.plan.blend.untuned is not None)
        return recorded == derived or (derived is None and absent)

    def key(self, instruction: Instruction, prompt: AssembledPrompt, answers: Sequence[str]) -> Hash | None:
        pair = self._pair(instruction, prompt, answers)
        if pair is None:
            return None
        decodings = decodings_of(self.plan, instruction)
        return blended_key(self.models, self.rule, pair, *decodings, thinking=self.plan.thinking)

    def _text(self, tokenizer: "PreTrainedTokenizerBase", prompt: AssembledPrompt, answer: Answer) -> str | None:
        ids, made = answer.token_ids, answer.interventions
        if self.helper is not None or answer.finish != "end_token" or ids is None or made is None:
            return super()._text(tokenizer, prompt, answer)
        # A helper that is not in the run may have ended it: by a token that nobody here knows, or without one.
        kept = ids if made.starts and made.starts[-1] == len(ids) else ids[:-1]
        if any(token >= len(tokenizer) for token in kept):
            return None
        return answer_text(tokenizer, encode(tokenizer, prompt.text, prompt.adds_special_tokens), kept)

    def answer_problems(self, answer: Answer) -> Iterator[str]:
        if answer.interventions is None:
            yield "answer.interventions: none, and the answer is a blend's"
        elif answer.token_ids is not None and any(at >= len(answer.token_ids) for at in answer.interventions.supplied):
            yield f"answer.interventions: beyond its {len(answer.token_ids):,} tokens"
        elif answer.token_ids is not None:
            of = answer.interventions
            ended = {len(answer.token_ids)} if answer.finish == "end_token" else set[int]()
            if set(of.starts) - {*of.supplied, *ended}:
                yield "answer.interventions.starts: not of tokens that the helper supplied, nor behind the last"
