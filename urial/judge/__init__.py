"""The stage judge: a score of each aspect of each answer, or the reason why there is none.

Four judges can be asked: rules that know the micro-world, a language model on a server, the same through its batch
API, and one in this process. What they share is in `scores` and `model`.
"""
