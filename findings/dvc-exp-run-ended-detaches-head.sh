#!/bin/sh
# `dvc exp run` that is ended by SIGTERM while its stage runs leaves git on no branch; after SIGINT (Ctrl-C) it is on its branch again.
#
# Seen with dvc 3.67.1 and scmrepo 3.6.2 (PyPI). Expected: HEAD on its branch after both, since experiments are to leave branches
# alone. Seen, by `git status --branch --short` afterwards:
#
#     SIGINT:   ## BRANCH             and " M params.yaml"
#     SIGTERM:  ## HEAD (no branch)   and " M params.yaml"
#
# The next `git commit` is on no branch then.
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
    cmd: cat params.yaml > made.txt; if [ -e ../slow ]; then touch ../begun; sleep 20; fi
    params: [value]
    outs: [made.txt]
END
echo "value: 1" > params.yaml
dvc repro --quiet
git add --all
git commit --quiet --message run
touch ../slow

# Python starts it, since a shell without job control lets background processes ignore SIGINT.
cat > ../end.py << 'END'
import os, pathlib, signal, subprocess, sys, time

begun = pathlib.Path("../begun")
begun.unlink(missing_ok=True)
dvc = subprocess.Popen(["dvc", "exp", "run", "--quiet", "--set-param", f"value={sys.argv[2]}"], start_new_session=True)
while not begun.exists() and dvc.poll() is None:
    time.sleep(0.1)
end = getattr(signal, sys.argv[1])
# The terminal sends Ctrl-C to all of a foreground job.
os.killpg(dvc.pid, end) if end == signal.SIGINT else dvc.send_signal(end)
dvc.wait()
END
for signal in SIGINT SIGTERM; do
    echo "$signal:"
    python3 ../end.py "$signal" 2 2> /dev/null || true
    git status --branch --short | tee "$folder/$signal"
    git checkout --quiet --force "$(git for-each-ref --format='%(refname:short)' refs/heads | head -1)" 2> /dev/null || true
done
if ! grep -q "no branch" "$folder/SIGINT" && grep -q "no branch" "$folder/SIGTERM"; then
    echo "as described: on no branch after SIGTERM alone"
else
    echo "changed: dvc exp run leaves git alike after both" >&2
    exit 1
fi
