"""The site of a run: static pages, and the data that the scripts of the token viewer and the answer browser load.

Everything is written by ``write.write_site`` in one pass; the same run gives the same bytes. It opens from the file system,
where a page may load scripts and nothing else. So a data file is one call in ASCII, ``urial.receive("answers/0003", DATA)``,
and ``assets/load.js`` gives a promise of DATA: ``urial.load("answers/0003")``, or ``urial.shard("answers", NUMBER)`` of the
file that has an instruction, and of its place there. The page loads ``data/index.js`` at once, the others when they are
needed. Every text in them is ``core.text.visible`` already, and scripts put it into the page by ``textContent`` alone. Numbers
are rounded to four decimals; what is not known is null.

A NUMBER is an instruction's place in the run's order. Instruction NUMBER is in file NUMBER // index.size[KIND] of a kind.

data/index.js has columns by NUMBER, so that lists, filters and sorting need no other file::

    run           study, identifier (of report.json), title, pair {base, aligned}, judge, toy
    systems, published, contexts (every measurement of the token shift), answer_system, base {CONTEXT: base system}, aspects, scales {ASPECT: highest score}, size {KIND: instructions a file}
    instructions  id, excerpt, category, tasks, topics, turns (how many)
    shift         {CONTEXT: status, positions, unshifted, marginal, shifted, style (shifted tokens that are), kl (mean),
                  parted (position of the first divergence; -1: never), labels, kinds, parts and moves (bit masks: those
                  of shifted tokens)}
    texts         whose texts are measured: answers, aligned (the system whose prompts the aligned model reads), contexts. Files of
                  tokens and candidates are of one text: those of the first are named as below, of the next tokens-1/0000.js ...
    labels, kinds, parts, moves   what bits and numbers mean
    status        {SYSTEM: status of the completion}; also of published outputs, no_answer where they have none
    scores        {SYSTEM: {ASPECT: score of the first turn}}
    marks, marked what must be easy to find, and {SYSTEM: bit mask}, over all turns: index.MARKS
    described     {SYSTEM: model (role), prompt, max_new_tokens}
    preferences   {SYSTEM: baseline, outcomes {CRITERION: a letter of index.OUTCOME_LETTERS an instruction, - for none}}

data/origins.js: what `urial trace` says of the numbers on the static pages; see ``pages``.

data/search.js: ``text``, what a search looks through, in lower case: the instruction and the aligned answer; ``given`` {WHOSE: the
same of other answers that are measured}.

data/answers/0000.js: ``first`` (NUMBER of its first instruction), and lists from there on::

    instructions  id, category, tasks, topics, difficulty, source, turns, reference
    prompts       {SYSTEM: before, after (what all prompts of the file begin and end with), form, adds_special_tokens}
    systems       {SYSTEM: [ANSWER]}
    ANSWER        status, reason, text, finish, tokens, words, prompt (between before and after), prompt_tokens, stop,
                  flag, retrieved, judgment, preference, thought (what was written where that is only thinking), blended (of a blend; see blended.py),
                  later [ANSWER] (whose prompts are whole)
    judgment      status, reason, scores [aspect, status, score, rationale, scale (absent: 5)], shown_characters, thinking,
                  replies (where an aspect has no score); null: not judged
    preference    baseline, status, reason, orders [first, choices [criterion, status, verdict, preference, rationale]],
                  results [criterion, outcome]; null: not compared

data/tokens/0000.js: ``first``, ``words`` (distinct texts), ``instructions`` (first messages), and ``answers``, each of lists
by token::

    position      null: from 0 on; else of each token, where some are left out
    token, label, kind (indices of words, labels, kinds; -1: not known), id, aligned_rank, aligned_logprob
    part, move    indices of parts and moves; left out where all is answer, or no token is of a move
    end           places of end tokens in these lists
    contexts      {CONTEXT: status, reason, and where measured: position (null, or the places that this context measured),
                  rank, at_most (places in rank of bounds), ties, category (a letter a token), logprob, kl, kl_at_least,
                  base_entropy; unmatched, retokenized, end_token where they say something; token, id, label, kind,
                  aligned_rank or aligned_logprob where this context's pass has others than the first context's}

data/candidates/0000.js, in the same shards: ``words``, and ``answers``: aligned LIST, contexts {CONTEXT: base LIST, aligned
LIST (where another pass has others)}. A LIST is flattened: token, logprob, and ``k``, how many each position has, or one
number for all.
"""
