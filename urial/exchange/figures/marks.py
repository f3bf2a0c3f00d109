"""What a file says of the run that it is of, in the place that its format has for it: no time, no machine, the same bytes again."""

import re
import struct
import zlib
from xml.sax.saxutils import escape

from urial.core.errors import UrialError
from urial.core.text import one_line

_TRAILER = re.compile(
    rb"trailer\s*<<\s*/Size (?P<size>\d+)\s*/Root (?P<root>\d+) 0 R\s*/Info (?P<info>\d+) 0 R\s*>>\s*startxref\s*(?P<start>\d+)\s*%%EOF\s*$"
)


def marked_svg(svg: bytes, caption: str, mark: str) -> bytes:
    """The SVG with a title for readers of screens, and the mark as metadata."""
    head, tag_end, body = svg.decode().partition(">")
    texts = f"<title>{escape(one_line(caption))}</title><metadata>{escape(one_line(mark))}</metadata>"
    return f"{head}{tag_end}{texts}{body}\n".encode()


def marked_png(png: bytes, caption: str, mark: str) -> bytes:
    """The PNG with both as texts behind its header, as the format has them."""
    header = png[: 8 + 25]
    return header + _text_chunk("Description", caption) + _text_chunk("Source", mark) + png[8 + 25 :]


def _text_chunk(keyword: str, text: str) -> bytes:
    """An iTXt chunk: uncompressed UTF-8 without a language."""
    data = b"iTXt" + keyword.encode("ascii") + b"\0\0\0\0\0" + one_line(text).encode()
    return struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))


def marked_pdf(pdf: bytes, caption: str, mark: str) -> bytes:
    """The PDF with title and subject, added as an update of its information dictionary, as the format has it.

    Raises UrialError for a PDF of another form than svg2pdf writes.
    """
    found = _TRAILER.search(pdf)
    if found is None:
        raise UrialError(
            "vl-convert wrote a PDF of a form that is not known",
            fix="install the version of vl-convert-python in constraints.txt",
        )
    info, size, root, start = (int(found[name]) for name in ("info", "size", "root", "start"))
    before = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    added = f"{info} 0 obj\n<<\n  /Producer (svg2pdf)\n  /Title {_pdf_text(caption)}\n  /Subject {_pdf_text(mark)}\n>>\nendobj\n"
    table = f"xref\n{info} 1\n{len(before):010} 00000 n\r\n"
    trailer = f"trailer\n<<\n  /Size {size}\n  /Root {root} 0 R\n  /Info {info} 0 R\n  /Prev {start}\n>>\n"
    place = len(before) + len(added.encode())
    return before + f"{added}{table}{trailer}startxref\n{place}\n%%EOF\n".encode()


def _pdf_text(text: str) -> str:
    """A text string in hexadecimal UTF-16, which needs no escapes."""
    return f"<FEFF{one_line(text).encode('utf-16-be').hex().upper()}>"
