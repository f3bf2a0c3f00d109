#!/bin/sh
# `dvc exp apply` takes a file that was committed since the experiment began out of a clean work tree, and leaves it where there is
# any untracked file.
#
# Seen with dvc 3.67.1 and scmrepo 3.6.2 (PyPI). Expected: the same in both, and by the manual ("put the changes from an experiment
# into your workspace") that a file which the experiment does not touch stays. Seen, by `git status --short` after `dvc exp apply`:
#
#     clean work tree:         " D later.txt" beside the experiment's own changes
#     with an untracked file:  no such line
#
# Files committed before the experiment and edited since are as the experiment had them in both, whether the edit was committed or not.
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
git config user.name me
git config user.email me@localhost
dvc init --quiet
cat > dvc.yaml << 'END'
stages:
  make:
    cmd: cat params.yaml > made.txt
    params: [value]
    outs: [made.txt]
END
echo "value: 1" > params.yaml
dvc repro --quiet
git add --all
git commit --quiet --message run
dvc exp run --quiet --temp --name early --set-param value=2
echo later > later.txt
git add later.txt
git commit --quiet --message later

echo "clean work tree: dvc exp apply early"
dvc exp apply --quiet early
git status --short | tee "$folder/clean"
git checkout --quiet HEAD -- .
dvc checkout --quiet
touch untracked.txt
echo "with an untracked file: dvc exp apply early"
dvc exp apply --quiet early
git status --short | tee "$folder/untracked"
if grep -q "^ D later.txt" "$folder/clean" && ! grep -q "later.txt" "$folder/untracked"; then
    echo "as described: the committed file is removed from the clean work tree alone"
else
    echo "changed: dvc exp apply treats both alike" >&2
    exit 1
fi
