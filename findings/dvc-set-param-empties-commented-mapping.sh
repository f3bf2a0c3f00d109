#!/bin/sh
# `dvc exp run --set-param '~KEY.NAME'` that removes the last entry of a mapping writes a params.yaml that it cannot read, where a
# comment stands behind the mapping's key; without that comment it writes `KEY: {}`.
#
# Seen with dvc 3.67.1 and ruamel.yaml 0.19.1 (PyPI), through which DVC keeps the comments of params.yaml. Expected: `KEY: {}` in
# both, with the comment or without it. Seen:
#
#     models: # by name     `models: # by name`, and below it `{}` at the beginning of a line, which is no YAML; the experiment ends
#                           with "unable to read: 'params.yaml', YAML file structure is corrupted"
#     models:               `models: {}`; the experiment runs
#
# So a comment about a mapping that can become empty stands on a line of its own above it.
#
# Exits with 0 while this is so, and with 1 once it has changed. Needs python3 (3.11 or newer), git and a package registry.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dvc==3.67.1 hydra-core==1.3.8 ruamel.yaml==0.19.1
PATH=$folder/venv/bin:$PATH
export HOME="$folder" DVC_NO_ANALYTICS=1

# Leaves what DVC says in $folder/said, and says whether the experiment ran.
try() {
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
    params: [models]
    outs: [made.txt]
END
    printf '%s\n  small: 1\nseed: 0\n' "$1" > params.yaml
    dvc repro --quiet
    git add --all
    git commit --quiet --message run
    echo "$1: dvc exp run --set-param '~models.small'"
    if dvc exp run --set-param '~models.small' > "$folder/said" 2>&1; then ran=yes; else ran=no; fi
    cd "$folder"
    rm -rf "$folder/run"
    echo "the experiment ran: $ran"
}

try "models:"
plain=$ran
try "models: # by name"
tail -n 8 "$folder/said"
if [ "$plain" = yes ] && [ "$ran" = no ] && grep -q "YAML file structure is corrupted" "$folder/said"; then
    echo "as described: with the comment, what is written cannot be read"
else
    echo "changed: a mapping is emptied with the comment as without it" >&2
    exit 1
fi
