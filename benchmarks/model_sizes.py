"""Memory and time by model size, by arithmetic alone: the table in docs/models.md. Nothing is measured, and no model is loaded.

Memory is the weights, and the keys and values of a batch at its longest. A step of decoding cannot take less time than reading
both out of the GPU's memory does; a program that also waits for its own Python takes more. With --bandwidth, of another GPU.
"""

import argparse
import math

from urial.core.tables import Cell, Table
from urial.plan.sizes import ModelSize, cache_bytes, configured_size, weights_bytes

# What the configurations of these models say, in the order of configured_size.
FIELDS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
)
MODELS = {
    "0.5B (Qwen2.5)": (896, 24, 14, 2, 4864, 151936, True),
    "1.5B (Qwen2.5)": (1536, 28, 12, 2, 8960, 151936, True),
    "7B (Qwen2.5)": (3584, 28, 28, 4, 18944, 152064, False),
    "13B (Llama 2)": (5120, 40, 40, 40, 13824, 32000, False),
    "70B (Llama 2)": (8192, 80, 64, 8, 28672, 32000, False),
}
# The default of params.yaml; the shared prompt of general/urial-k3; a query; the default of a study of models.
ROWS, PROMPT, QUERY, LONGEST = 16, 1_050, 50, 2_048
# What an answer has on average, and how many there are.
TOKENS, ANSWERS = 300, 1_000
GB = 1e9


def size_of(name: str) -> ModelSize:
    """The size of one of MODELS."""
    *numbers, tied = MODELS[name]
    size = configured_size({**dict(zip(FIELDS, numbers, strict=True)), "tie_word_embeddings": tied})
    assert size is not None
    return size


def minutes(size: ModelSize, bandwidth: float) -> float:
    """The least time for all answers, in bfloat16: of every step, weights and half of the batch's own cache at its end are read."""
    cached = cache_bytes(size, PROMPT + ROWS * (QUERY + TOKENS // 2), "bfloat16")
    steps = math.ceil(ANSWERS / ROWS) * TOKENS
    return steps * (weights_bytes(size, "bfloat16") + cached) / bandwidth / 60


def sizes_table(bandwidth: float = 2e12) -> Table:
    """A row a model: GB of weights by number format, GB of a batch's keys and values, and the least time."""
    rows: list[list[Cell]] = []
    for name in MODELS:
        size = size_of(name)
        weights = [weights_bytes(size, "bfloat16", form) for form in (None, "bitsandbytes-8bit", "bitsandbytes-4bit")]
        cache = cache_bytes(size, PROMPT + ROWS * (QUERY + LONGEST), "bfloat16")
        cells = [f"{size.numbers / 1e9:.2f}", *(f"{part / GB:.1f}" for part in (*weights, cache, 2 * weights[0]))]
        rows.append([name, *cells, f"{minutes(size, bandwidth):.1f}"])
    columns = ("model", "weights (billions)", "bfloat16 (GB)", "8-bit (GB)", "4-bit (GB)", f"keys and values of {ROWS} answers (GB)",
               "pair in token shift (GB)", "1,000 answers, at least (min)")  # fmt: skip
    return Table("Memory and time by model size", columns, rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bandwidth", type=float, default=2.0, help="of the GPU's memory, in TB/s")
    print(sizes_table(parser.parse_args().bandwidth * 1e12).markdown(), end="")


if __name__ == "__main__":
    main()
