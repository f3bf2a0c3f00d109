"""A study of alignment, from instructions to a report whose every number can be traced.

Read the rooms in the order in which an instruction walks through them:

    plan          checks params.yaml and resolves every name in it, before anything is paid for
    models        the embedded pair is trained here; of other models, a manifest says which weights they are
    instructions  the queries
    prompts       how a base model is shown a query: versions, dialects, in-context examples
    generate      what each system answers
    token_shift   where the base model ranks every token of the aligned answers
    judge         how good the answers are, aspect by aspect
    report        numbers with their intervals, as JSON, tables, charts and a page

Beside the flow stand `run` (a run as a folder: files, lock, commit), `provenance` (trace, verify, cite, compare),
`exchange` (files from and for others) and `cli`. All stand on `core`, `records`, `api`, `local_models`,
`microworld` and `statistics`.

Importable without DVC: the stages under ``stages/`` are thin callers of this package.
"""

__version__ = "0.1.0"
