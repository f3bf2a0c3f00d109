#!/bin/sh
# `dvc exp run --temp` fails in a folder whose path has a letter beyond ASCII. `dvc exp run` works there.
#
# Seen with dvc 3.67.1 and scmrepo 3.6.2 (PyPI), on Linux with a UTF-8 locale. Expected: an experiment, as without --temp. Seen:
#
#     ERROR: unexpected error - 'ascii' codec can't encode character '\xe9' in position 128: ordinal not in range(128)
#
# (the position depends on the folder's name), with exit code 255. Queued experiments (`--queue`, then `--run-all`) run in such a copy, too.
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer), git and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 dvc-data==3.18.3 dvc-objects==5.2.0 scmrepo==3.6.2
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1 LC_ALL=C.UTF-8

# Named by an octal escape, so that this script itself is ASCII: e with an acute accent.
run=$folder/caf$(printf '\303\251')
mkdir "$run"
cd "$run"
git init --quiet
git config user.name me
git config user.email me@localhost
dvc init --quiet
cat > dvc.yaml << 'END'
stages:
  make:
    cmd: echo made > made.txt
    outs: [made.txt]
END
dvc repro --quiet
git add --all
git commit --quiet --message run

echo "dvc exp run --force"
dvc exp run --force --quiet
echo "dvc exp run --force --temp"
code=0
dvc exp run --force --temp > "$folder/output" 2>&1 || code=$?
cat "$folder/output"
echo "exit code $code"
if test "$code" -ne 0 && grep -q "'ascii' codec can't encode character" "$folder/output"; then
    echo "as described: only --temp fails"
else
    echo "changed: dvc exp run --temp no longer fails so" >&2
    exit 1
fi
