"""Other prompts made of a prompt version by rule, one thing taken out or changed, so that its effect can be measured.

Every rule is a function from a prompt to a prompt. What is random is drawn by hashes of the seed, so that it is the same in every
version of Python and on every machine.
"""
