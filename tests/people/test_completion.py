"""What a shell is offered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vgae.data.split import DRAWN
from vgae.learning import evaluation
from vgae.people import api, completion


def test_names_to_complete_are_those_that_exist() -> None:
    assert set(completion.METHODS) == set(api.METHODS)
    assert (*evaluation.LINK_METRICS, *evaluation.PER_USER) == completion.METRICS
    assert completion.NEGATIVES == DRAWN
    assert completion.TASKS == evaluation.TASKS
    assert completion.QUESTIONS == evaluation.QUESTIONS


def complete(*words: str, cwd: Path | None = None) -> list[str]:
    """What a shell is offered for the last word, and whether torch was needed for it."""
    script = (
        "import sys; from vgae.people.cli import main\n"
        "try: main()\n"
        "except SystemExit: assert 'torch' not in sys.modules\n"
    )
    asked = {
        "_VGAE_COMPLETE": "complete_bash",
        "COMP_WORDS": "\n".join(("vgae", *words)),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", script]
    answer = subprocess.run(
        command, env=os.environ | asked, capture_output=True, text=True, check=True, cwd=cwd
    )
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("inspect", "kar"), ["karate"]),
        (("inspect", "karate_"), ["karate_club.csv"]),
        (("inspect", "notes/e"), ["notes/edges.csv"]),
        (("evaluate", "karate", "--models", "vgae,sp"), ["vgae,spectral"]),
        (("evaluate", "karate", "--metrics", "mrr,hits@1"), ["mrr,hits@10", "mrr,hits@100"]),
        (("fit", "karate", "--preset", "u"), ["unit"]),
        (("fit", "karate", "--learn"), ["--learning-rate"]),
        (("fit", "karate", "--engine", "triton-"), ["triton-tf32", "triton-bf16"]),
        (("fit", "karate", "--encoder", "multi"), ["multi-hop"]),
        (("evaluate", "karate", "--device", "cu"), ["cuda"]),
        (("evaluate", "karate", "--tasks", "links,"), ["links,nodes", "links,clusters"]),
    ],
)
def test_a_shell_completes_names(
    tmp_path: Path, words: tuple[str, ...], offered: list[str]
) -> None:
    (tmp_path / "karate_club.csv").touch()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "edges.csv").touch()
    if words == ("inspect", "kar"):
        offered = [*offered, "karate_club.csv"]
    assert complete(*words, cwd=tmp_path) == offered


def test_completion_can_be_shown_and_installed(tmp_path: Path) -> None:
    vgae = str(Path(sys.executable).with_name("vgae"))
    answer = subprocess.run(
        # The shell is found among the parents of the process: `true` keeps bash from becoming it.
        ["bash", "-e", "-c", f"{vgae} --show-completion; {vgae} --install-completion; true"],
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(tmp_path)},
        check=True,
    )
    assert "complete -o default -F _vgae_completion vgae" in answer.stdout
    assert "vgae.sh" in (tmp_path / ".bashrc").read_text()
