"""A citation as BibTeX: the run, the software that made it, and the paper whose study it is."""

from collections.abc import Mapping

from urial.core.tables import escape_latex
from urial.core.text import one_line
from urial.provenance.cite.records import Citation

PAPER = """\
@inproceedings{lin2024unlocking,
  author       = {Lin, Bill Yuchen and Ravichander, Abhilasha and Lu, Ximing and Dziri, Nouha and Sclar, Melanie and Chandu, Khyathi and Bhagavatula, Chandra and Choi, Yejin},
  title        = {{The Unlocking Spell on Base LLMs: Rethinking Alignment via In-Context Learning}},
  booktitle    = {International Conference on Learning Representations},
  year         = {2024},
  eprint       = {2312.01552},
  archiveprefix = {arXiv},
  url          = {https://arxiv.org/abs/2312.01552},
}"""


def bibtex(citation: Citation) -> str:
    """Entries that BibTeX and biblatex both take: @misc, since old styles know no @software."""
    return "\n\n".join([_run(citation), _software(citation), PAPER])


def _run(citation: Citation) -> str:
    """Who made the commit is who made the run."""
    of = (
        f"experiment {citation.experiment}"
        if citation.experiment
        else f"commit {citation.commit[:12]}"
        if citation.commit
        else "in no commit"
    )
    return _entry(
        f"urial-{citation.commit[:12] if citation.commit else citation.data[7:19]}",
        {
            "author": None if citation.author is None else _person(citation.author),
            "title": f"{{A run of urial ({escape_latex(of)})}}",
            "year": None if citation.year is None else str(citation.year),
            "url": _address(citation.url),
            "note": escape_latex(citation.identifier),
        },
    )


def _software(citation: Citation) -> str:
    # Braces keep an entity's name, and capitals, as they are.
    authors = [escape_latex(name) if "," in name else f"{{{escape_latex(name)}}}" for name in citation.authors]
    known = {"version": citation.version, "licence": citation.licence}
    described = ", ".join(["Software", *(f"{word} {value}" for word, value in known.items() if value)])
    return _entry(
        "urial",
        {
            "author": " and ".join(authors) or None,
            "title": f"{{{escape_latex(citation.title)}}}",
            "howpublished": escape_latex(described),
        },
    )


def _entry(key: str, fields: Mapping[str, str | None]) -> str:
    return "\n".join(
        [f"@misc{{{key},", *(f"  {name:<12} = {{{value}}}," for name, value in fields.items() if value), "}"]
    )


def _person(name: str) -> str:
    """A name as git has it, first names first; in braces, whole, where BibTeX would take it for another form or for several."""
    words = name.split()
    plain = len(words) > 1 and not {"and", "others"} & {word.lower() for word in words} and "," not in name
    return escape_latex(name) if plain else f"{{{escape_latex(name)}}}"


def _address(url: str | None) -> str:
    """A field's braces must match, and a URL needs none."""
    return one_line(url or "").replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
