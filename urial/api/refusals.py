"""How servers say no, and how much of it a run takes."""

import re

# After so many failed rows, no new one is started: the server may be dead, and each waits for all of its attempts.
MAX_FAILURES = 10
# Words that come again, for penalties to bite on, and an end that can be continued in many ways.
STORY = "Continue this story. Once upon a time there was a king. The king had a house and the king had a"
# What a request with a parameter that the server refuses ends with.
REFUSED = (400, 422)
TOO_LONG_CODE = "context_length_exceeded"
# In the words of vLLM, SGLang, llama.cpp, TGI, OpenAI, Anthropic and Gemini. Each has to name the context or the prompt:
# refused parameters exceed something as well.
_TOO_LONG = re.compile(
    r"context.?(length|size|window|limit)"
    r"|max(imum)?.(model|sequence|input|prompt).len"
    r"|\b(prompt|inputs?|messages)\b[^:;.,`'\"]{0,60}(too (long|large)|exceed|longer)"
    r"|reduce the length of the (prompt|input|messages)"
    r"|`inputs`( tokens \+ `max_new_tokens`)? must (be <=|have less than)",
    re.I,
)


def says_too_long(message: str, code: str | None = None) -> bool:
    """Whether a server's refusal, by its words or its code, means that the prompt leaves no room for the answer."""
    return code == TOO_LONG_CODE or _TOO_LONG.search(message) is not None
