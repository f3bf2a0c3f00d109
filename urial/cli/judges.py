"""Which judge a command asks: a key of judges in params.yaml, or a model on a server that the command line names."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from pydantic import BaseModel

from urial.core.errors import UrialError, shorten
from urial.core.strict_json import first_twice
from urial.run.pipeline import PARAMETERS
from urial.run.project import prompts_folder, root_of

if TYPE_CHECKING:
    from urial.records.params.file import ParamsFile
    from urial.records.plans import JudgePlan

PARAMS = Path(PARAMETERS)
OWN = "name a model on a server of your own with --judge-server URL --judge-model NAME"
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class ChosenJudge:
    """What the options say of the judge; without any, it is the run's."""

    # A key of judges.
    name: str | None = None
    # Of a judge that is no entry of params.yaml.
    server: str | None = None
    model: str | None = None
    # What differs from the entry, or from an entry of this server and model alone: fields of judges.NAME, by their paths.
    fields: Mapping[str, object] = field(default_factory=dict)

    def params(self) -> "ParamsFile | None":
        """params.yaml; None: there is none here, and the judge needs none. Raises UrialError where it does."""
        from urial.records.params.file import read_params

        if not PARAMS.is_file():
            if self.server is not None:
                return None
            root_of(Path())
        return read_params(PARAMS)

    def plan(self, params: "ParamsFile | None", default: str | None, where: str = "run.judge") -> "JudgePlan":
        """The judge, planned; ``default`` is what ``where`` in params.yaml says. Raises UrialError where there is none."""
        from urial.judge.files.own_judge import plan_own_judge
        from urial.plan.judges import plan_judge
        from urial.records.params.judges import OpenAIJudge

        if self.server is not None:
            entry = {"kind": "openai", "server": self.server, "model": self.model}
            judge = with_fields(OpenAIJudge, entry, self.fields)
            return plan_own_judge(judge, params.prices.get(judge.model) if params else None)
        name = self.name or default
        if params is None or name is None:
            fix = f"name one of its judges with --judge NAME, or {OWN}"
            raise UrialError(f"the run has no judge: {where} is null", path=PARAMS, fix=fix)
        if self.fields and (entry_of := params.judges.get(name)):
            changed = with_fields(type(entry_of), entry_of.model_dump(mode="json"), self.fields)
            params = params.model_copy(update={"judges": {**params.judges, name: changed}})
        return plan_judge(params, name, prompts_folder(), "--judge" if self.name else where)


def judge_options(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that choose a judge, with the help's words for ``default``; the command is given ``chosen``."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_judge(
            *arguments: object,
            name: str | None,
            judge_server: str | None,
            judge_model: str | None,
            judge_fields: tuple[str, ...],
            **options: object,
        ) -> None:
            command(*arguments, chosen=_chosen(name, judge_server, judge_model, judge_fields), **options)

        for option in (
            click.option(
                "--judge-set", "judge_fields", multiple=True, metavar="FIELD=VALUE",
                help="A field of the judge, as under judges.NAME in params.yaml: max_tokens=512, limits.concurrency=1, "
                "key_variable=MY_KEY.",
            ),
            click.option("--judge-model", metavar="NAME", help="The model's name on that server."),
            click.option(
                "--judge-server", metavar="URL",
                help="A judge that params.yaml does not have: a server of OpenAI's protocol, as in http://localhost:8000/v1.",
            ),
            click.option("--judge", "name", help=f"A key of judges in params.yaml.  [default: {default}]"),
        ):  # fmt: skip
            with_judge = option(with_judge)
        return with_judge

    return decorated


def _chosen(name: str | None, server: str | None, model: str | None, texts: tuple[str, ...]) -> ChosenJudge:
    """Raises UrialError for options that exclude each other, and for one without the other."""
    from urial.api.servers import public_address

    if (server is None) != (model is None):
        there, lacks = (
            ("--judge-server", "--judge-model NAME") if model is None else ("--judge-model", "--judge-server URL")
        )
        raise UrialError(f"{there} without {lacks.split()[0]}", expected="both", fix=f"add {lacks}")
    if server is not None:
        if name is not None:
            raise UrialError(
                "--judge and --judge-server name two judges", expected="one of them",
                fix="leave --judge out, or --judge-server and --judge-model",
            )  # fmt: skip
        public_address(server, "--judge-server")
    fields = [_field(text) for text in texts]
    if (twice := first_twice(path for path, _ in fields)) is not None:
        raise UrialError(f"--judge-set {twice}: given twice", expected="each field once")
    return ChosenJudge(name, server, model, dict(fields))


def _field(text: str) -> tuple[str, object]:
    """The path and the value, read as params.yaml would read it, of FIELD=VALUE."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path, equals, value = text.partition("=")
    try:
        parsed = YAML(typ="safe", pure=True).load(value)
    except (YAMLError, ValueError, RecursionError):
        equals, parsed = "", None
    if not equals or not path:
        raise UrialError(f"--judge-set {shorten(text)}", expected="FIELD=VALUE, as in max_tokens=512")
    return path, parsed


def with_fields(model: type[Model], entry: Mapping[str, object], fields: Mapping[str, object]) -> Model:
    """A record with some fields, named by their paths, changed. Raises UrialError naming the field that cannot be so."""
    from pydantic import ValidationError

    from urial.core.validation import explain

    changed: dict[str, object] = dict(entry)
    for path, value in fields.items():
        *above, last = path.split(".")
        inner = changed
        for part in above:
            found = inner.get(part)
            further = dict(found) if isinstance(found, Mapping) else {}
            inner[part] = further
            inner = further
        inner[last] = value
    try:
        return model.model_validate_json(json.dumps(changed))
    except (ValidationError, TypeError, ValueError) as error:
        said = explain(error, model) if isinstance(error, ValidationError) else "not a value of params.yaml"
        raise UrialError(f"--judge-set: {said}", expected="a field of judges.NAME, as in params.yaml") from error
