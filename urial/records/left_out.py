"""What a run leaves out because of what its study is: named once, in its plan, and read from there."""

from pydantic import Field

from urial.records.base import Name, Record


class LeftOut(Record):
    """What params.yaml names and the study cannot have: mostly, since it has no aligned model. Its files are there, and have no rows."""

    systems: tuple[Name, ...] = Field(default=(), description="systems of the aligned model")
    base_systems: tuple[Name, ...] = Field(
        default=(), description="base contexts of the token shift, which is of the aligned model's answers"
    )
    given: tuple[Name, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="measurements of given answers, which both models read",
    )
    compared: tuple[Name, ...] = Field(
        default=(),
        description="systems whose comparison with the baseline needs the answers of the aligned model, or of a blend that is left out",
    )
    blends: tuple[Name, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="blends, with their controls, of a model that there is not, or that is behind a server or an engine",
    )
    safety_depth: tuple[Name, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="systems of the aligned model whose answers were to be begun; left out: none",
    )
    baseline: Name | None = Field(default=None, description="the baseline, where it is one of the systems left out")


def describe_left_out(study: str, left_out: LeftOut) -> str | None:
    """What is left out, and why, as one sentence for people; None where nothing is."""
    parts, blends = [], []
    if left_out.systems:
        parts.append(f"the {'system' if len(left_out.systems) == 1 else 'systems'} {', '.join(left_out.systems)}")
    if left_out.base_systems:
        parts.append(f"the token shift under {', '.join(left_out.base_systems)}")
    if left_out.given:
        parts.append(f"the token shift {', '.join(left_out.given)}")
    if left_out.safety_depth:
        parts.append(f"the safety depth of {', '.join(left_out.safety_depth)}")
    if left_out.blends:
        blends.append(f"the {'blend' if len(left_out.blends) == 1 else 'blends'} {', '.join(left_out.blends)}")
    for where, of_blends in ((parts, False), (blends, True)):
        # Without their baseline, all are left out for the reason that it is.
        if names := [
            name for name in left_out.compared if ((left_out.baseline or name) in left_out.blends) == of_blends
        ]:
            where.append(f"the preferences of {', '.join(names)}{_over(left_out.baseline)}")
    clauses = []
    if parts:
        clauses.append(f"since the study {study} has no aligned model: {'; '.join(parts)}")
    if blends:
        # One can lack the aligned model, and another have a helper of its own and a base behind a server.
        why = (
            "and since a blend needs both of its models in this process"
            if parts
            else f"since a model of the study {study} is behind a server or an engine, and a blend needs both models in this "
            "process"
        )
        clauses.append(f"{why}: {'; '.join(blends)}")
    return f"Left out, {'; '.join(clauses)}." if clauses else None


def _over(baseline: Name | None) -> str:
    if baseline is None:
        return ""
    return f" over {baseline} (set preferences.baseline to a system of the base model or to published outputs)"
