#!/bin/sh
# `dvc pull STAGE PATH` pulls the stage, leaves out the path, and exits with 0. `dvc pull PATH STAGE` pulls both.
#
# Seen with dvc 3.67.1 (PyPI): two stages, `one` with the output one.txt and `two` with the output two.txt, both in the remote, an
# empty cache. Expected of `dvc pull one two.txt`: both files, or an error. Seen:
#
#     A       one.txt
#     1 file fetched and 1 file added
#
# with exit code 0 and no two.txt; `dvc pull two.txt one` has "2 files fetched and 2 files added".
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer), git and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 dvc-data==3.18.3 dvc-objects==5.2.0 scmrepo==3.6.2
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1

mkdir "$folder/run"
cd "$folder/run"
git init --quiet
dvc init --quiet
cat > dvc.yaml << 'END'
stages:
  one:
    cmd: echo one > one.txt
    outs: [one.txt]
  two:
    cmd: echo two > two.txt
    outs: [two.txt]
END
dvc repro --quiet
dvc remote add --quiet --default store "$folder/store"
dvc push --quiet

pull() {
    rm -rf one.txt two.txt .dvc/cache
    echo "dvc pull $*"
    dvc pull "$@"
    echo "exit code $?; files: $(echo ./*.txt)"
}

pull two.txt one
test -f one.txt && test -f two.txt
pull one two.txt
if test -f one.txt && test ! -e two.txt; then
    echo "as described: the path after the stage was left out without a word"
else
    echo "changed: dvc pull one two.txt no longer leaves out two.txt" >&2
    exit 1
fi
