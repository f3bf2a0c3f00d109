#!/bin/sh
# A text that ruamel.yaml folds over two lines has fewer spaces when it is read back: a round trip changes data without a word.
#
# Seen with ruamel.yaml 0.19.1 (PyPI), whose default width is 80. A plain text that has four spaces where the line is folded is written with
# these four spaces at the end of its first line, but YAML reads a folded line break in a plain text as one space, whatever spaces
# precede it. Expected: the writer folds only where one space stands, or quotes the text. Seen:
#
#     written: 'aaaa    bbbbbbbbbbbbbbbbbbbb'
#     read:    'aaaa bbbbbbbbbbbbbbbbbbbb'
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer) and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ruamel.yaml==0.19.1

"$folder/venv/bin/python" - << 'END'
import io
import sys

from ruamel.yaml import YAML

text = "aaaaaaaaaaa  bbb  bbbbbbbbbbbbbb bbbbbbbbbbbbb aaaa    bbbbbbbbbbbbbbbbbbbb"
yaml = YAML()
stream = io.StringIO()
yaml.dump({"text": text}, stream)
print(stream.getvalue(), end="")
read = YAML().load(stream.getvalue())["text"]
print(f"written: {text[-28:]!r}")
print(f"read:    {read[-25:]!r}")
if read == text:
    sys.exit("changed: the text is read as it was written")
assert read == text.replace("    ", " "), read
print("as described: three of four spaces are lost where the text is folded")
END
