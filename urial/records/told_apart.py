"""How pydantic chooses among the forms of a model, each of which has a key of its own."""

from collections.abc import Mapping

from pydantic import Discriminator


def told_apart_by(*keys: str) -> Discriminator:
    """Chooses the form of a model by the one of ``keys`` that it has; none or several are an error that lists the forms."""

    def form(value: object) -> str | None:
        keys_there = [key for key in keys if (key in value if isinstance(value, Mapping) else hasattr(value, key))]
        return keys_there[0] if len(keys_there) == 1 else None

    examples = {
        "hub": "{hub: OWNER/NAME, revision: ...}",
        "folder": "{folder: PATH, checkpoint: ...}",
        "gguf": "{gguf: FILE}",
        "server": "{server: URL, model: NAME}",
        "tuned": "{tuned: {data: ...}}",
    }
    forms = [examples[key] for key in keys if key in examples]
    return Discriminator(
        form,
        custom_error_type="model_form",
        custom_error_message=f"name a model by exactly one of {', '.join(keys[:-1])} or {keys[-1]}, as in {', '.join(forms)}",
    )
