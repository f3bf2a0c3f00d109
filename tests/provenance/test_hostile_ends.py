"""A command that is ended leaves no folder behind, nor the settings in it."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

from tests.cli.commands import invoke
from tests.clones import ROOT
from tests.provenance.toy import make_toy

CODE = """
    import sys, time
    from pathlib import Path
    from urial.cli import main
    from urial.run.folders import run_folder

    @main.command()
    def wait():
        with run_folder("HEAD", root=Path(sys.argv[2]), needs=()) as found:
            try:
                print(found.path, flush=True)
                time.sleep(60)
            finally:
                # As what tidies up for long does.
                print("ended", flush=True)
                time.sleep(1)

    sys.argv[1:2] = ["wait"]
    main(["wait"])
"""


def test_nothing_is_left_behind_when_a_command_is_ended(tmp_path: Path) -> None:
    toy = make_toy(tmp_path / "made")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CODE), "-", str(toy.folder)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "TMPDIR": str(scratch)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith(str(scratch))
        process.send_signal(signal.SIGTERM)
        # The signal can come within the call that prints the folder, which is then printed again at the next one.
        assert next(line for line in process.stdout if not line.startswith(str(scratch))) == "ended\n"
        # Who is impatient sends it again.
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 143
    assert list(scratch.iterdir()) == []


def test_the_signal_is_as_it_was_after_a_command() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert invoke("schemas", "check").exit_code == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_command_in_another_thread_sets_no_signal() -> None:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(invoke("schemas", "check").exit_code))
    thread.start()
    thread.join()
    assert found == [0]
