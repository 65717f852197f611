"""What the tests of the server share: the command run in this process, and no warming up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from server import cli, terminal
from tests.server.recordings import swings, write, write_template


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def refused(self, *words: str) -> None:
        """Bad input, told in one sentence that holds these words."""
        assert self.code == 2, self
        assert self.out == ""
        (sentence,) = self.err.splitlines()
        assert sentence.startswith("gonio: ")
        assert sentence.endswith(".")
        for word in words:
            assert word in sentence, (word, sentence)


Gonio = Callable[..., Ran]


@pytest.fixture
def gonio(capsys: pytest.CaptureFixture[str]) -> Gonio:
    """The command, in this process."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        assert isinstance(stop.value.code, int)
        return Ran(stop.value.code, streams.out, streams.err)

    return run


@pytest.fixture(autouse=True)
def _kernels_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warming up would take longer than most tests."""

    def nothing() -> Iterator[str]:
        yield from ()

    monkeypatch.setattr(terminal, "warmup", nothing)


@pytest.fixture
def exercise(tmp_path: Path) -> Path:
    """A template of one sensor, `one`."""
    return write_template(tmp_path / "exercise.yaml")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A recording of six swings of the sensor `one`."""
    return write(tmp_path / "sound.parquet", swings(), id="sound")
