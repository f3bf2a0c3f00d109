#!/bin/sh
# A valid samples file of Every Eval Ever is refused where an answer has a line separator (U+2028) or a next line (U+0085).
#
# Seen with every-eval-ever 0.3.0 (PyPI). A JSON string may hold U+2028 as it is, and a row of JSON Lines ends with a line feed alone. The
# validator reads the rows of a samples file as such, and finds each valid. For the file's aggregate it counts them once more with
# str.splitlines, which also splits at U+2028, so that half a row is no JSON. Expected: both are valid, as they are where the same character is
# written as the escape \u2028. Seen, of the aggregate:
#
#     escaped: valid
#     as it is: could not inspect companion '...': samples line 1 is invalid JSON: Unterminated string starting at
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer) and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# It asks for Python 3.12; its validator runs with 3.11, too, and needs these packages alone.
"$folder/venv/bin/pip" install --quiet jsonschema==4.26.0 pydantic==2.14.4 pyyaml==6.0.4 requests==2.34.2 rich==15.0.0
"$folder/venv/bin/pip" install --quiet --ignore-requires-python --no-deps every-eval-ever==0.3.0

cd "$folder"
"$folder/venv/bin/python" - << 'END'
import json
import subprocess
import sys
from pathlib import Path

NAME = "data/set/lab/model/0f0e0d0c-0b0a-4908-8706-050403020100"
IDS = {"schema_version": "0.3.0", "evaluation_id": "set/lab/model/0"}
ROW = {
    **IDS, "model_id": "lab/model", "evaluation_name": "set", "sample_id": "1", "interaction_type": "single_turn",
    "input": {"raw": "Why?", "reference": []}, "output": {"raw": ["one\u2028two"]}, "answer_attribution": [],
    "evaluation": {"score": 1, "is_correct": True},
}
AGGREGATE = {
    **IDS, "retrieved_timestamp": "0", "eval_library": {"name": "own", "version": "1"},
    "source_metadata": {
        "source_type": "evaluation_run", "source_organization_name": "lab", "evaluator_relationship": "other",
    },
    "model_info": {
        "name": "model", "id": "lab/model",
        "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
    },
    "evaluation_results": [{
        "evaluation_name": "set", "source_data": {"dataset_name": "set", "source_type": "other"},
        "metric_config": {"lower_is_better": False, "score_type": "binary"}, "score_details": {"score": 1},
    }],
    "detailed_evaluation_results": {"format": "jsonl", "file_path": f"{NAME}_samples.jsonl", "total_rows": 1},
}
Path(NAME).parent.mkdir(parents=True)
Path(f"{NAME}.json").write_text(json.dumps(AGGREGATE))


def errors(ascii: bool) -> list[str]:
    Path(f"{NAME}_samples.jsonl").write_text(json.dumps(ROW, ensure_ascii=ascii) + "\n", "utf-8")
    command = [sys.executable, "-m", "every_eval_ever", "validate", "--format", "json", f"{NAME}.json", f"{NAME}_samples.jsonl"]
    files = json.loads(subprocess.run(command, capture_output=True, text=True).stdout)
    return [error["msg"] for file in files for error in file["errors"]]


escaped, plain = errors(True), errors(False)
print("escaped:", escaped or "valid")
print("as it is:", plain or "valid")
assert not escaped, escaped
if not plain:
    sys.exit("changed: a row with a line separator is one row")
assert len(plain) == 1 and "is invalid JSON" in plain[0], plain
print("as described: the row is split at the line separator")
END
