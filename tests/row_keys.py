"""Prints the keys of rows of every kind, made from fixed records: `python -m tests.row_keys` in a folder with prompts/."""

import json
import sys
import tempfile
from pathlib import Path

from urial.core.row_cache import RowCache
from urial.generate.keys import completion_key
from urial.judge.local.judge import TransformersBackend
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Case
from urial.judge.scores.run import verdict_key
from urial.judge.server.batch import request_name
from urial.judge.server.batch_api import membership_key
from urial.judge.server.capabilities import ServerCapabilities, capabilities_key
from urial.judge.server.openai_judge import OpenAIBackend
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.completion import AssembledPrompt
from urial.records.instruction import Instruction
from urial.records.model import ModelManifest
from urial.records.params.file import Decoding
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics, SystemPlan, TransformersPlan
from urial.token_shift.served.answer_logprobs import ScoreRequest
from urial.token_shift.served.logprob_probe import LogprobProtocol
from urial.token_shift.served.logprob_server import ScoreCache

HASH = "sha256:" + "0" * 64
SERVER = "http://127.0.0.1:9/v1"
CASE = Case(Instruction(id="q", turns=("Why?",), category="regular", source="test"), "Because.", cut_off=False)


def main() -> None:
    json.dump({**answers(), **judgments(), **shift()}, sys.stdout)


def answers() -> dict[str, str]:
    manifest = ModelManifest.model_validate_json(
        json.dumps({"role": "base", "source": {"embedded": "microworld", "files": {"a": HASH}, "loading": {}}})
    )
    prompt = AssembledPrompt(
        instruction_id="q", system="s", text="Why?", adds_special_tokens=True, stop=("#",), n_tokens=3
    )
    decoding = Decoding(max_new_tokens=9, temperature=0.5, top_p=1, repetition_penalty=1.1, seed=3)
    return {"answer": completion_key(manifest, prompt, SystemPlan.model_construct(decoding=decoding, server=None))}


def judgments() -> dict[str, str]:
    rubrics = PlannedRubrics(regular=load_rubric("multi/1"), safety=load_rubric("safety/1"))
    common = {"rubrics": rubrics.model_dump(mode="json")}
    model = {"hub": "a/b", "revision": "0" * 40}
    plans: dict[str, dict[str, object]] = {
        "openai": {
            "judge": {"kind": "openai", "server": SERVER, "model": "m", "parameters": {"x": [1]}},
            "price": None,
        },
        "transformers": {
            "judge": {"kind": "transformers", "model": model},
            "model": {**model, "loading": {}},
            "threads": 1,
        },
    }
    keys = {"verdict of the rules": verdict_key(RulesJudge(None).identity, CASE)}
    with tempfile.TemporaryDirectory() as folder, RowCache(Path(folder)) as cache:
        for kind, fields in plans.items():
            plan = JudgePlan.model_validate_json(json.dumps({"name": "j", "judge": {"kind": kind, **common, **fields}}))
            if isinstance(plan.judge, OpenAIPlan):
                able = ServerCapabilities(response_format="json_schema", model="m-1", tokens_field="max_tokens")
                server = OpenAIBackend(plan.judge.judge, cache, Ledger(), able)
                judge = ModelJudge(server, plan.judge, cache, Ledger())
                (asked,) = judge.questions([CASE])
                name = request_name(server.body(asked), asked)
                keys["capabilities"] = capabilities_key(plan.judge.judge, SERVER)
                keys["batch"] = membership_key(SERVER, name)
            else:
                assert isinstance(plan.judge, TransformersPlan)
                judge = ModelJudge(TransformersBackend(plan.judge), plan.judge, cache, Ledger())
                (asked,) = judge.questions([CASE])
            keys[f"reply, {kind}"] = judge.reply_key(asked)
            keys[f"verdict, {kind}"] = verdict_key(judge.identity, CASE)
    return keys


def shift() -> dict[str, str]:
    cache = ScoreCache(None, SERVER, "m", 5)
    protocol = LogprobProtocol(kind="echo", form="text", asked=6, given=6, max_tokens=0)
    return {
        "scores": cache.key(protocol, ScoreRequest("Why?", "Because.")),
        "protocol": cache.protocol_key("text"),
    }


if __name__ == "__main__":
    main()
