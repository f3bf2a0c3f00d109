"""Files that the harnesses wrote themselves are read: Inspect with a mock model, lm-evaluation-harness with its dummy model
and a local task, HELM's classes through its own writer.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exchange.programs.conftest import printed
from urial.core.errors import UrialError
from urial.exchange.importers.logs.rows import LogKind, LogOptions, import_log_judgments, logged_answers

pytestmark = pytest.mark.thorough
MADE = Path(__file__).parent / "made"
TASK = """\
task: own
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "Q: {{{{question}}}}\\nA:"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], do_sample: false}}
metric_list: [{{metric: exact_match}}]
"""


def read(path: Path, kind: LogKind) -> dict[str | None, str]:
    rows = logged_answers(path, kind, "mine").completions
    return {row.query: row.answer.text if row.answer else str(row.reason) for row in rows}


def judged(path: Path, kind: LogKind, **aspects: str) -> dict[str | None, list[tuple[str, str, float | None]]]:
    rows = import_log_judgments([path], kind, "mine", LogOptions(aspects=aspects)).judgments
    return {row.query: [(score.aspect, score.status, score.score) for score in row.scores] for row in rows}


def test_both_forms_of_inspects_logs(python_with: Callable[[str], Path], tmp_path: Path) -> None:
    printed(python_with("inspect"), MADE / "inspect_logs.py", tmp_path, "1")
    logs = sorted(tmp_path.iterdir(), key=lambda path: path.suffix)
    assert [path.suffix for path in logs] == [".eval", ".json"]
    for log in logs:
        assert read(log, "inspect") == {
            "What is one?": "One is 1.",
            "please refuse": "One is 1.",
            "please break": "Inspect: \"RuntimeError('no reply came')\"",
        }
        unscored = [("helpfulness", "invalid", None), ("clarity", "invalid", None), ("depth", "scored", 3)]
        assert judged(log, "inspect") == {
            "What is one?": [("helpfulness", "scored", 4), ("clarity", "scored", 5), ("depth", "scored", 3)],
            "please refuse": unscored,
            "please break": [],
        }


def test_several_epochs_are_refused(python_with: Callable[[str], Path], tmp_path: Path) -> None:
    printed(python_with("inspect"), MADE / "inspect_logs.py", tmp_path, "2")
    for log in tmp_path.iterdir():
        with pytest.raises(UrialError, match="twice"):
            read(log, "inspect")


def test_sample_files_of_lm_eval(python_with: Callable[[str], Path], tmp_path: Path) -> None:
    data = tmp_path / "own.jsonl"
    data.write_text(
        '{"question": "What is one?", "answer": "1"}\n{"question": "What is two?", "answer": "2"}\n', "utf-8"
    )
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/own.yaml").write_text(TASK.format(data=data), "utf-8")
    printed(
        python_with("lm-eval"), "-m", "lm_eval", "--model", "dummy", "--tasks", "own", "--include_path", tmp_path / "tasks",
        "--log_samples", "--output_path", tmp_path / "out", cwd=tmp_path,
    )  # fmt: skip
    (samples,) = (tmp_path / "out").rglob("samples_own_*.jsonl")
    assert read(samples, "lm-eval") == {"What is one?": "lol", "What is two?": "lol"}
    # An exact match is 0 or 1, and no score from 1 to 5.
    assert judged(samples, "lm-eval", exact_match="overall")["What is one?"] == [("overall", "invalid", None)]


def test_files_of_helm(python_with: Callable[[str], Path], tmp_path: Path) -> None:
    printed(python_with("helm"), MADE / "helm_files.py", tmp_path)
    assert read(tmp_path / "scenario_state.json", "helm") == {
        "What is one?": "One is 1.",
        "please break": "HELM: no reply came",
    }
    assert judged(tmp_path / "per_instance_stats.json", "helm", judge_score="overall") == {
        "What is one?": [("overall", "scored", 4)],
        "please break": [],
    }
