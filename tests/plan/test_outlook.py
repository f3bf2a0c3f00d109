"""What the plan says before anything expensive: rows by stage, what memory follows from, and what is not here now."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.plan.test_planning import PROMPTS, local_pair, params_with
from tests.tiny_gguf import write_gguf
from tests.tiny_models import tiny_folder, tiny_model
from urial.core.store import write_json
from urial.plan.memory import Machine, Need, memory_remarks, needs
from urial.plan.outlook import print_outlook
from urial.plan.planning import Plans, make_plans
from urial.plan.servers import server_remarks
from urial.plan.sizes import ModelSize, cache_bytes, configured_size, size_of, weights_bytes
from urial.plan.work import as_recorded, rate_remarks, work_table
from urial.records.judgment import ASPECTS_OF
from urial.records.model import FolderModel, GgufModel, Loading
from urial.records.params.file import ParamsFile
from urial.records.plans import OpenAIPlan
from urial.run.files import Digests
from urial.run.paths import INSTRUCTIONS_PLAN, MODELS_PLAN, SYSTEM_PLAN


def test_rows_are_counted_by_stage(committed_params: ParamsFile) -> None:
    plans = make_plans(committed_params, PROMPTS)
    table = work_table(plans, lambda work: work.name in ("generate@aligned", "judge@aligned"))
    # 104 instructions, 20 of them with a second message, and nine systems; two contexts, two compared.
    assert [list(row) for row in table.rows] == [
        ["generate", "1,116", "124", "992", f"{992 * 256:,}"],
        # A blend and its control.
        ["blend", "248", "0", "248", f"{248 * 256:,}"],
        ["token_shift", "208", "0", "208", None],
        ["given_shift", "312", "0", "312", None],
        ["judge", "1,116", "124", "992", None],
        ["judge_blend", "248", "0", "248", None],
        ["safety_depth", "672", "0", "672", f"{672 * 256:,}"],
        ["judge_safety_depth", "672", "0", "672", None],
        ["preferences", "248", "0", "248", None],
    ]


def test_a_stage_is_as_recorded_while_all_its_plan_files_are(committed_params: ParamsFile, tmp_path: Path) -> None:
    plans = make_plans(committed_params, PROMPTS)
    files = {MODELS_PLAN.path(): plans.models, INSTRUCTIONS_PLAN.path(): plans.instructions}
    files |= {SYSTEM_PLAN.path(plan.system): plan for plan in plans.systems}
    for path, record in files.items():
        write_json(tmp_path / path, record)
    digests = Digests(tmp_path)
    entries = "".join(
        f"    - path: {path}\n      hash: md5\n      md5: {digests.of(tmp_path / path).md5}\n      size: 1\n"
        for path in files
    )
    stages = "".join(f"  generate@{plan.system}:\n    cmd: x\n    deps:\n{entries}" for plan in plans.systems)
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{stages}", "utf-8")

    def generated() -> tuple[Any, ...]:
        return tuple(work_table(plans, as_recorded(tmp_path)).rows[0][2:4])

    assert generated() == ("1,116", "0")
    write_json(tmp_path / SYSTEM_PLAN.path("aligned"), plans.systems[1])
    assert generated() == ("992", "124")
    write_json(tmp_path / MODELS_PLAN.path(), plans.instructions)
    assert generated() == ("0", "1,116")
    (tmp_path / "dvc.lock").unlink()
    assert generated() == ("0", "1,116")


SERVED = {"kind": "openai", "server": "http://127.0.0.1:9/v1", "model": "m"}


def judged(judge: dict[str, Any], *more: tuple[str, Any]) -> Plans:
    limited = {**SERVED, "limits": {"requests_per_minute": 60}, **judge}
    return make_plans(params_with(("judges/mine", limited), ("run/judge", "mine"), *more), PROMPTS)


def test_a_limit_of_a_judge_s_server_is_a_least_time() -> None:
    rubrics = {"regular": "single/1", "safety": "single/1"}
    plans = judged({"rubrics": rubrics}, ("preferences/systems", []))
    assert plans.asked is not None
    messages = {kind: sum(len(row.turns) for row in plans.asked if row.category == kind) for kind in ASPECTS_OF}
    # Of nine systems, a blend and its control: a request an aspect, of which there are five, or one.
    asked = 11 * (messages["regular"] * 5 + messages["safety"])
    # Of three systems, beginnings of two texts by four numbers of tokens.
    begun = 3 * 2 * 4 * 28
    assert rate_remarks(plans) == [
        f"judge: {asked:,} requests take at least {asked / 60:,.0f} minutes at 60 a minute",
        f"judge_safety_depth: {begun:,} requests take at least 11 minutes at 60 a minute",
    ]
    rows = {row[0]: row[4] for row in work_table(plans, lambda _: False).rows}
    longest = plans.judge.judge.judge.max_tokens if isinstance(plans.judge.judge, OpenAIPlan) else 0
    assert rows["judge_safety_depth"] == f"{begun * longest:,}"


def test_what_no_limit_holds_up_is_not_said() -> None:
    depth: tuple[str, Any] = ("safety_depth/systems", [])
    remarks = rate_remarks(judged({}, depth))
    assert [line.partition(":")[0] for line in remarks] == ["judge", "preferences"]
    assert rate_remarks(judged({"batch": True}, depth)) == []


QWEN = {
    "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864, "vocab_size": 151936, "tie_word_embeddings": True,
}  # fmt: skip


def test_sizes_follow_from_a_configuration() -> None:
    size = configured_size(QWEN)
    assert size is not None
    # As its authors say: 0.49 billion, of which 0.36 are no embeddings.
    assert (round(size.numbers / 1e9, 2), round((size.numbers - size.embeddings) / 1e9, 2)) == (0.49, 0.36)
    assert size.cached == 2 * 24 * 2 * 64
    assert weights_bytes(size, "float32") == 2 * weights_bytes(size, "auto") == 4 * size.numbers
    rest = size.numbers - size.embeddings
    assert weights_bytes(size, "bfloat16", "bitsandbytes-8bit") == 2 * size.embeddings + rest
    assert weights_bytes(size, "bfloat16", "bitsandbytes-4bit") == round(2 * size.embeddings + rest * 0.5625)
    assert cache_bytes(size, 10, "float16") == 10 * size.cached * 2
    assert configured_size({"hidden_size": 1}) is None


def test_sizes_follow_from_the_headers_of_the_weights(tmp_path: Path) -> None:
    model = tiny_model("llama")
    folder, file = size_of(FolderModel(folder=str(tiny_folder("llama")))), write_gguf(tmp_path / "m.gguf")
    assert folder is not None
    assert folder.numbers == sum(weights.numel() for weights in model.parameters())
    assert folder.embeddings == 2 * model.config.vocab_size * model.config.hidden_size
    assert folder.cached == 2 * 2 * 2 * 8
    assert size_of(GgufModel(gguf=str(file))) == folder


@pytest.mark.parametrize(
    "content", [b"", b"weights", b"\xff" * 16, b"\x02" + bytes(7) + b"{}", b"\x04" + bytes(7) + b"null"]
)
def test_weights_that_are_none_have_no_size(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "config.json").write_text("{}", "utf-8")
    assert size_of(FolderModel(folder=str(tmp_path))) is None


def test_what_does_not_fit_is_said_with_the_arithmetic() -> None:
    need = Need(
        "stage generate", [("m (7.00 billion weights, bfloat16)", 14 * 10**9), ("the rest", 2 * 10**9)], Loading()
    )
    assert memory_remarks([need], Machine(17 * 10**9)) == []
    assert memory_remarks([need], Machine(8 * 10**9, [12 * 10**9, 12 * 10**9])) == []
    (remark,) = memory_remarks([need], Machine(8 * 10**9))
    assert remark == (
        "this machine has 8.0 GB of memory, and stage generate needs about 16.0 GB: 14.0 GB for m (7.00 billion weights, bfloat16)"
        " + 2.0 GB for the rest; lower generation.batch_size, set loading.dtype to bfloat16 or loading.quantization, or serve the "
        "model (docs/models.md)"
    )
    on_second = Need("x", need.parts, Loading(device_map="cuda:1"))
    assert memory_remarks([on_second], Machine(10**12, [10**12, 10**9]))[0].startswith(
        "this machine has 1.0 GB on GPU 1, "
    )


def test_a_study_needs_its_weights_and_what_a_batch_leaves(tmp_path: Path) -> None:
    for role in ("base", "aligned"):
        (tmp_path / role).symlink_to(tiny_folder("llama"))
    pair = local_pair(tmp_path / "files")
    models = {role: {"folder": str(tmp_path / role)} for role in ("base", "aligned")}
    study = {"kind": "models", "max_new_tokens": 100, **models}
    plans = make_plans(params_with(*pair, ("studies/local", study), ("systems/aligned/prompt", "zero-shot")), PROMPTS)
    size = size_of(FolderModel(folder=str(tiny_folder("llama"))))
    assert size is not None
    base, aligned, blend, shift = needs(plans)
    assert [base.stage, aligned.stage, blend.stage, shift.stage] == [
        "stage generate, base model,", "stage generate, aligned model,", "stage blend", "stage token_shift",
    ]  # fmt: skip
    # Both models, and the keys and values of both.
    assert [size for _, size in blend.parts[:2]] == [weights_bytes(size, "float32")] * 2
    assert len(blend.parts) == 4
    assert base.parts[0][1] == weights_bytes(size, "float32")
    assert base.parts[1][1] > cache_bytes(size, 16 * 100, "float32")
    assert shift.total == 2 * weights_bytes(size, "float32") + (256 << 20)


class _Server(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def serving(status: int) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), type("S", (_Server,), {"status": status})) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def judged_by(server: str) -> ParamsFile:
    return params_with(("judges/mine", {**SERVED, "server": server, "key_variable": "MY_KEY"}), ("run/judge", "mine"))


@pytest.mark.parametrize(
    ("status", "key", "problem"),
    [
        (200, None, None),
        (404, None, None),
        (302, None, None),
        (401, None, "MY_KEY is not set"),
        (401, "a-key-of-mine", "the key in MY_KEY is refused"),
    ],
)
def test_a_server_is_asked_once(
    status: int, key: str | None, problem: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_KEY", raising=False)
    if key:
        monkeypatch.setenv("MY_KEY", key)
    with serving(status) as url:
        found = server_remarks(judged_by(url))
    assert found == ([] if problem is None else [
        f"judges.mine: {problem} ({url}, status 401); export it before its stage begins"
    ])  # fmt: skip


def test_a_server_that_is_down_is_named_at_once() -> None:
    assert server_remarks(judged_by("http://127.0.0.1:9/v1")) == [
        "judges.mine: http://127.0.0.1:9/v1 does not answer ([Errno 111] Connection refused); start it before its stage begins"
    ]
    assert server_remarks(params_with()) == []


def test_a_key_that_is_none_is_a_line_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "two words\x1b")
    assert server_remarks(judged_by("http://127.0.0.1:9/v1")) == ["judges.mine: MY_KEY has characters that no key has"]


def test_a_lock_that_cannot_be_read_records_nothing(committed_params: ParamsFile, tmp_path: Path) -> None:
    (tmp_path / "dvc.lock").write_text("<<<<<<< HEAD\n", "utf-8")
    rows = work_table(make_plans(committed_params, PROMPTS), as_recorded(tmp_path)).rows
    assert [row[2] for row in rows] == ["0"] * 9


def test_what_is_missing_is_a_warning_and_the_table_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    params = judged_by("http://127.0.0.1:9/v1")
    print_outlook(make_plans(params, PROMPTS), params, Path("nowhere"))
    said = capsys.readouterr()
    assert said.out.startswith("stage ")
    assert said.err.startswith("Warning: judges.mine: http://127.0.0.1:9/v1 does not answer")


def test_a_size_that_is_not_known_is_said_of_nothing() -> None:
    assert cache_bytes(ModelSize(1, 0, 0), 1_000, "auto") == 0
