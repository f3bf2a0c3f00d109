#!/bin/sh
# transformers: Mamba, given several tokens behind a cache, goes on as if there had been nothing before them.
#
# Seen with transformers 5.23.0 and torch 2.13.0 (PyPI, CPU), with the reference code that runs where no mamba kernels are
# installed. Expected: the logits of tokens 21 to 30 are the same whether all 30 go through the model at once, or 20 first
# and then 10 with the cache that came back, as for Mamba 2, Granite 4, Falcon-H1, Qwen3-Next and every model of attention.
# Seen: other logits, without a word; one token at a time gives the right ones. FalconMamba, Jamba and Zamba do the same.
#
#     mamba: 10 tokens behind a cache differ by 3.50 x the spread of the logits; one at a time by 0.00
#     mamba2: 10 tokens behind a cache differ by 0.00 x the spread of the logits; one at a time by 0.00
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer) and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 torch==2.13.0

"$folder/venv/bin/python" - << 'END' 2> /dev/null
import torch
from transformers import AutoModelForCausalLM, DynamicCache, Mamba2Config, MambaConfig

SIZES = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "initializer_range": 0.5}
CONFIGS = {
    "mamba": MambaConfig(**SIZES),
    "mamba2": Mamba2Config(**SIZES, num_heads=8, head_dim=8, n_groups=2, expand=2, chunk_size=16),
}
FIRST, LENGTH = 20, 30


def difference(model, pieces):
    """How far the logits after FIRST are from those of one pass, in standard deviations of these."""
    cache, parts = DynamicCache(config=model.config), []
    for start, stop in pieces:
        parts.append(model(input_ids=ids[:, start:stop], cache_params=cache, use_cache=True).logits)
    whole = model(input_ids=ids).logits
    return float((torch.cat(parts, 1) - whole)[:, FIRST:].abs().max() / whole.std())


far = {}
for name, config in CONFIGS.items():
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    ids = torch.randint(5, 200, (1, LENGTH))
    with torch.inference_mode():
        at_once = difference(model, [(0, FIRST), (FIRST, LENGTH)])
        singly = difference(model, [(0, FIRST), *((n, n + 1) for n in range(FIRST, LENGTH))])
    far[name] = at_once
    print(f"{name}: 10 tokens behind a cache differ by {at_once:.2f} x the spread of the logits; one at a time by {singly:.2f}")
if not (far["mamba"] > 0.5 and far["mamba2"] < 0.01):
    print("changed: the two models now behave alike")
    raise SystemExit(1)
print("as described: only Mamba forgets what was before")
END
