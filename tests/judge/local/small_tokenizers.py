"""Tokenizers of a few hundred tokens that are built like those of well-known models."""

from functools import lru_cache
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = "{{ bos_token }}[INST] {{ messages[0]['content'] | trim }} [/INST]"


@lru_cache
def qwen_like(template: str | None = CHATML, im_tokens_are_special: bool = True) -> Any:
    """Bytes, without BOS; <think> and a run of line ends are tokens that no one calls special."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # ` 1` and ` 2` are tokens, ` 3` to ` 5` are not.
    vocabulary = {token: number for number, token in enumerate([*alphabet, "Ġ1", "Ġ2", "Ċ{"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("Ġ", "1"), ("Ġ", "2"), ("Ċ", "{")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("<think>", "</think>", "\n\n\n")])
    names = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    if not im_tokens_are_special:
        tokenizer.add_tokens([AddedToken(text, normalized=False) for text in names[:2]])
        names = names[2:]
    tokenizer.add_special_tokens(names)
    return _wrapped(tokenizer, template, {"eos_token": "<|im_end|>" if im_tokens_are_special else "<|endoftext|>"})


@lru_cache
def llama_like(template: str | None = LLAMA) -> Any:
    """Characters with bytes for what is unknown, one BOS, and a space before every text, as by SentencePiece."""
    specials = ["<unk>", "<s>", "</s>"]
    characters = [chr(code) for code in range(33, 127)]
    tokens = [*specials, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *characters, "▁{", '{"', "▁4"]
    merges = [("▁", "{"), ("{", '"'), ("▁", "4")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    unknown = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, **unknown))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(text, normalized=False) for text in specials])
    return _wrapped(tokenizer, template, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"})


def _wrapped(tokenizer: Tokenizer, template: str | None, names: dict[str, str]) -> Any:
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, clean_up_tokenization_spaces=False, **names)
    wrapped.chat_template = template
    return wrapped
