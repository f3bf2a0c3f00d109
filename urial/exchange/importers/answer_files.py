"""Any file of answers with the instructions that they answer: completions of this project, another tool's outputs, or a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from urial.core.errors import UrialError, shorten
from urial.core.store import first_fields, read_jsonl
from urial.core.strict_json import first_twice
from urial.core.text import as_name, counted
from urial.exchange.importers.answer_tables import KIND, SYSTEMS, TableOptions, read_own_answers
from urial.exchange.importers.completions import import_completions, imported_completion, instructions_of
from urial.exchange.importers.fastchat_answers import has_fastchat_answers, import_fastchat_answers
from urial.exchange.importers.instructions import read_instructions
from urial.instructions.formats import Category
from urial.instructions.reading import read_rows
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.run.joining import answers_to, asked_by, asked_of, require_same_texts

AnswerKind = Literal["just-eval", "alpaca-eval", "mt-bench", "table"]
NAME_THEM = "name the file of their instructions with --instructions"
# What tells a published output file, which has instruction and output too, from a table of one's own.
PUBLISHED = {"dataset", "source_id", "datasplit", "generator"}


@dataclass(frozen=True)
class AnswerOptions:
    """What a file leaves open."""

    # The instructions answered; None: the file says itself, or lies in a run.
    instructions: Path | None = None
    # Those of the run that the command is in, which completions without texts of their own answer.
    of_run: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    # Of rows whose file names none; None: regular, in a table.
    category: Category | None = None
    # None: as the file says, else the file's name.
    system: str | None = None


@dataclass(frozen=True)
class AnswerFile:
    """Completions, each with the instruction that it answers."""

    completions: list[Completion]
    instructions: list[Instruction]
    # What was done that a reader may not expect.
    remarks: tuple[str, ...] = ()


def read_answer_file(path: Path, options: AnswerOptions, purpose: str = "read") -> AnswerFile:
    """The answers in a file, and the instruction of each, whatever wrote it.

    Raises UrialError where there are no answers to the ``purpose``, where a system answers an instruction twice, and where
    an instruction is missing or asks something else than was answered.
    """
    if is_record(path):
        if options.columns:
            raise UrialError(
                "completions, whose fields have their names",
                path=path,
                fix="leave --column out: it is for tables of one's own",
            )
        return _completions(path, options)
    if not read_rows(path, ()).columns:
        raise UrialError(
            f"no answers to {purpose}", path=path, expected="completions, or a question and an answer a row"
        )
    found = own_answers(path, options) if options.columns or not is_published(path) else _published(path, options)
    return found if options.instructions else _under_ids_of_run(path, options, found)


def read_rows_alone(path: Path, options: AnswerOptions) -> tuple[list[Completion], dict[str, tuple[str, ...]]]:
    """The answers in a file, whatever wrote it, and all messages that each answers, by its id, where the file says so itself."""
    if is_record(path):
        return read_jsonl(path, Completion), {}
    # FastChat's questions are known by their numbers.
    own = options if has_fastchat_answers(path) else replace(options, instructions=None)
    found = read_answer_file(path, own)
    return found.completions, {row.id: row.turns for row in found.instructions}


def import_answer_file(
    path: Path, options: AnswerOptions, kind: AnswerKind | None = None, *, with_instructions: bool = False
) -> AnswerFile:
    """The answers of ``options.system`` in a file of a kind; None: its columns tell. Outputs of a published set answer all of
    ``options.instructions``, where these are named.

    Without ``with_instructions``, there may be none. Raises UrialError naming file, row and column.
    """
    if kind is None and (options.columns or not is_published(path)):
        kind = "table"
    if options.columns and kind != "table":
        raise UrialError(f"--column is for --kind table, not for {kind}")
    if kind == "table":
        return own_answers(path, options)
    system, named = str(options.system), options.instructions
    if kind == "mt-bench" or (kind is None and has_fastchat_answers(path)):
        if with_instructions and named is None:
            raise UrialError(
                "has the numbers of questions, and no texts", path=path,
                fix="name the questions, FastChat's question.jsonl, with --instructions",
            )  # fmt: skip
        answers = import_fastchat_answers(path, system, named)
        several = f"of {answers.several_choices:,} with several choices the first"
        return AnswerFile(answers.completions, answers.instructions, (several,) if answers.several_choices else ())
    given = read_instructions(named) if named else None
    completions = import_completions(path, system, given, kind)
    asked = given or (instructions_of(path, options.category, kind) if with_instructions else [])
    return AnswerFile(completions, asked)


def is_record(path: Path) -> bool:
    """Whether a file has completions of this project. Raises UrialError where it has what was said of answers instead."""
    fields = first_fields(path)
    if "instruction_id" in fields and (found := fields & {"scores", "comparisons"}):
        said = "judgments" if "scores" in found else "preferences"
        raise UrialError(f"{said}, and no answers", path=path, expected="answers", fix="name the file that was judged")
    return {"instruction_id", "status"} <= fields


def is_published(path: Path) -> bool:
    """Whether a file has the columns of just-eval, URIAL, AlpacaEval, AlignTDS or FastChat, rather than anyone's."""
    columns = set(read_rows(path, ()).columns)
    is_outputs = {"instruction", "output"} <= columns and bool(columns & PUBLISHED)
    return is_outputs or "pure_input" in columns or has_fastchat_answers(path)


def own_answers(path: Path, options: AnswerOptions) -> AnswerFile:
    """The answers in a table of one's own, under the ids of ``options.instructions`` where these are named."""
    own = read_own_answers(path, TableOptions(options.columns, options.category or "regular", options.system))
    completions = [
        imported_completion(asked.id, own.system, asked.turns[0], answers)
        for asked, answers in zip(own.instructions, own.answers, strict=True)
    ]
    left_out = f"system messages left out: {own.system_messages:,}, since an instruction is what the user says"
    remarks = (left_out,) if own.system_messages else ()
    if options.instructions is None:
        return AnswerFile(completions, own.instructions, remarks)
    return under_ids(path, options.instructions, AnswerFile(completions, own.instructions, remarks))


def _published(path: Path, options: AnswerOptions) -> AnswerFile:
    """The answers in an output file of another tool, not of all of the instructions that are named."""
    system = options.system or _system_in(path) or as_name(path.stem) or "answers"
    if has_fastchat_answers(path):
        return import_answer_file(path, replace(options, system=system), with_instructions=True)
    # Where the instructions are named, theirs is the category that counts.
    category = options.category or ("regular" if options.instructions else None)
    alone = replace(options, system=system, instructions=None, category=category)
    found = import_answer_file(path, alone, with_instructions=True)
    return under_ids(path, options.instructions, found) if options.instructions else found


def _system_in(path: Path) -> str | None:
    """The name of the system, where the file has one."""
    rows = read_rows(path, SYSTEMS).rows
    names = {name for row in rows for column in SYSTEMS if isinstance(name := row.values.get(column), str)}
    return as_name(names.pop()) if len(names) == 1 else None


def under_ids(path: Path, instructions: Path, own: AnswerFile) -> AnswerFile:
    """The answers under the ids of the instructions that ask the same, in their order; not all of these need an answer.

    Raises UrialError for an answer to what none of them asks.
    """
    turns = {row.id: row.turns for row in own.instructions}
    pairs = answers_to(read_instructions(instructions), own.completions, path, turns)
    taken = {row.instruction_id for _, row in pairs}
    if lost := [row for row in own.completions if row.instruction_id not in taken]:
        raise UrialError(
            f"{len(lost):,} of {len(own.completions):,} answers are to nothing in {instructions}, first to "
            f"{shorten(lost[0].query)}",
            path=path,
            expected="answers to these instructions, by their text",
            fix="name the instructions that were answered, or leave --instructions out",
        )
    return AnswerFile([renamed(*pair) for pair in pairs], [asked for asked, _ in pairs], own.remarks)


def _under_ids_of_run(path: Path, options: AnswerOptions, own: AnswerFile) -> AnswerFile:
    """The answers under the ids of the run's instructions, where each is to one of these, and no ids or categories are asked for."""
    file = options.of_run
    if file is None or not file.is_file() or options.category or {"id", "category"} & options.columns.keys():
        return own
    try:
        pairs = answers_to(
            read_jsonl(file, Instruction), own.completions, path, {row.id: row.turns for row in own.instructions}
        )
    except UrialError:
        # Two answers to one question, which the file's own ids tell apart.
        return own
    if {row.instruction_id for _, row in pairs} != {row.instruction_id for row in own.completions}:
        return own
    remark = f"every question is one of {file}: taken as answers to these instructions"
    return AnswerFile([renamed(*pair) for pair in pairs], [asked for asked, _ in pairs], (*own.remarks, remark))


def renamed(instruction: Instruction, row: Completion) -> Completion:
    """The answer under the instruction's id."""
    return row.model_copy(update={"instruction_id": instruction.id})


def _completions(path: Path, options: AnswerOptions) -> AnswerFile:
    """Completions of this project with the instructions that are named, those of their run, or what they say themselves."""
    rows = read_jsonl(path, Completion)
    if (twice := first_twice((row.system, row.instruction_id) for row in rows)) is not None:
        raise UrialError(f"{twice[0]} answers {twice[1]!r} twice", path=path, expected="one row an instruction")
    file = options.instructions or options.of_run
    known = read_instructions(file) if file and (options.instructions or file.is_file()) else []
    found: list[tuple[Instruction, Completion]] = []
    for system in dict.fromkeys(row.system for row in rows):
        found += answers_to(known, [row for row in rows if row.system == system], path)
    taken = {(row.system, row.instruction_id) for _, row in found}
    lost = [row for row in rows if (row.system, row.instruction_id) not in taken]
    if lost and options.instructions is None and all(row.query and not row.later_turns for row in rows):
        return _as_they_say(rows, options.category or "regular")
    if options.category:
        raise UrialError(
            f"answers instructions that have their categories{f', those in {file}' if file else ''}",
            path=path,
            fix="leave --category out",
        )
    if file is not None:
        require_same_texts(asked_by(path, rows), asked_of(file, known), NAME_THEM)
    if lost:
        problem = f"{counted(len(lost), 'completion has', 'completions have')} no instruction in it, first {lost[0].instruction_id!r}"
        raise UrialError(problem, path=file or path, fix=NAME_THEM)
    for asked, row in found:
        if 1 + len(row.later_turns) > len(asked.turns):
            raise UrialError(
                f"{row.system} answers {1 + len(row.later_turns)} messages of {row.instruction_id!r}, which has "
                f"{len(asked.turns)} in {file}",
                path=path,
                fix=NAME_THEM,
            )
    return AnswerFile([renamed(*pair) for pair in found], [asked for asked, _ in found])


def _as_they_say(rows: Sequence[Completion], category: Category) -> AnswerFile:
    """Imported answers, with their own questions as instructions."""
    asked = [
        Instruction(id=row.instruction_id, turns=(str(row.query),), category=category, source=KIND) for row in rows
    ]
    remark = (
        f"{len(rows):,} answers say themselves what they answer: taken as {category} instructions, unless --instructions names "
        "others"
    )
    return AnswerFile(list(rows), asked, (remark,))
