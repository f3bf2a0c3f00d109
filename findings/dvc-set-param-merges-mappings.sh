#!/bin/sh
# `dvc exp run --set-param KEY={...}` merges the mapping into the one that is there, while `KEY=[...]` replaces a list.
#
# Seen with dvc 3.67.1 and hydra-core 1.3.8 (PyPI), through which DVC sets parameters. Expected: either value takes the place of
# what was there. Seen, with `model: {hub: a/b, revision: main}` and `sizes: [1, 2]`:
#
#     --set-param 'model={hub: c/d}'   {hub: c/d, revision: main}: another model, at the revision of the first
#     --set-param 'sizes=[3]'          [3]
#
# So a model is changed key by key, and what it is no longer to have is removed: `--set-param '~model.revision'`.
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer), git and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 hydra-core==1.3.8
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
    params: [model, sizes]
    outs: [made.txt]
END
echo "model: {hub: a/b, revision: main}" > params.yaml
echo "sizes: [1, 2]" >> params.yaml
dvc repro --quiet
git add --all
git commit --quiet --message run

dvc exp run --quiet --set-param 'model={hub: c/d}' --set-param 'sizes=[3]'
cat params.yaml
if grep -q "hub: c/d, revision: main" params.yaml && ! grep -q "1, 2" params.yaml; then
    echo "as described: the mapping is merged, the list is replaced"
else
    echo "changed: dvc exp run --set-param treats both alike" >&2
    exit 1
fi
