#!/bin/sh
# transformers: the weights of `from_pretrained(FOLDER, gguf_file=NAME)` come from a file NAME in the working folder, if there is one.
#
# Seen with transformers 5.23.0, gguf 0.19.0, accelerate 1.15.0 and torch 2.13.0 (PyPI, CPU). Expected: configuration,
# tokenizer and weights are those of FOLDER/NAME, or of NAME in a repository of the hub, wherever the process runs. Seen: the
# configuration is, but the weights are those of ./NAME, without a word. Common names (model.gguf) make one model of two.
#
#     from another folder: context 128, weights of there/model.gguf
#     from here: context 128, weights of here/model.gguf
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer) and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0 gguf==0.19.0 accelerate==1.15.0 torch==2.13.0
mkdir "$folder/here" "$folder/there" "$folder/elsewhere"
cd "$folder"

"$folder/venv/bin/python" - << 'END' 2> /dev/null
import os

import gguf
import numpy as np
from transformers import AutoModelForCausalLM

HIDDEN, TOKENS = 32, ["<s>", "</s>", "a", "b"]


def write(path, value, context):
    """A Llama of one layer in a GGUF file; each number of its embeddings is `value`."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(context)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(1)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(HIDDEN // 2)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_merges([])
    square = np.ones((HIDDEN, HIDDEN), np.float32)
    writer.add_tensor("token_embd.weight", np.full((len(TOKENS), HIDDEN), value, np.float32))
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", square)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", np.ones(HIDDEN, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


write("there/model.gguf", 1, 128)
write("here/model.gguf", 2, 64)
there = os.path.abspath("there")
seen = {}
for place in ("elsewhere", "here"):
    os.chdir(os.path.join(there, "..", place))
    model = AutoModelForCausalLM.from_pretrained(there, gguf_file="model.gguf")
    seen[place] = {1.0: "there", 2.0: "here"}[float(model.get_input_embeddings().weight[0, 0])]
    name = "another folder" if place == "elsewhere" else "here"
    print(f"from {name}: context {model.config.max_position_embeddings}, weights of {seen[place]}/model.gguf")
if seen != {"elsewhere": "there", "here": "here"}:
    print("changed: the weights are those of the folder that was named")
    raise SystemExit(1)
print("as described: a file of the working folder is taken for that of the folder that was named")
END
