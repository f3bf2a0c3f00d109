from pathlib import Path

from urial.records.schemas import SCHEMAS, export_schemas, schema_drift


def test_drift_is_detected(tmp_path: Path) -> None:
    paths = export_schemas(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        f"{folder}{name}.json" for folder in ("", "bare/") for name in SCHEMAS
    ]
    assert schema_drift(tmp_path) == []
    (tmp_path / "prompt.json").unlink()
    (tmp_path / "judgment.json").write_text((tmp_path / "judgment.json").read_text() + "\n")
    (tmp_path / "other.json").write_text("{}")
    assert schema_drift(tmp_path) == [
        f"{tmp_path}/prompt.json: missing",
        f"{tmp_path}/judgment.json: differs from Judgment",
        f"{tmp_path}/other.json: no such record",
    ]


def test_a_missing_folder_of_schemas_lacks_them_all(tmp_path: Path) -> None:
    assert len(schema_drift(tmp_path / "none")) == 2 * len(SCHEMAS)
