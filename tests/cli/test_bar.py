import io

from matloop.cli.bar import Lines, clock, listener


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_per_step_and_few_of_telling():
    stream = io.StringIO()
    with listener(quiet=False, stream=stream) as told:
        told.step("collect")
        told.tell("best so far: 121 uV/K", 0.5)
        told.step("clean")
    assert [line.split("] ")[1] for line in stream.getvalue().splitlines()] == ["collect", "clean"]


def test_telling_is_told_after_a_while():
    stream = io.StringIO()
    Lines(stream, every=0.0).tell("best so far: 121 uV/K", 0.5)
    assert "best so far: 121 uV/K (50% done)" in stream.getvalue()


def test_quiet_is_silent():
    stream = io.StringIO()
    with listener(quiet=True, stream=stream) as told:
        told.step("collect")
    assert stream.getvalue() == ""


def test_a_terminal_keeps_finished_steps():
    stream = Terminal()
    with listener(quiet=False, stream=stream) as told:
        told.step("collect")
        told.tell("[red]47,737 rows", 0.5)
        told.step("clean")
    assert "collect" in stream.getvalue()
    assert "clean" in stream.getvalue()


def test_clock():
    assert [clock(3.24), clock(75), clock(3700)] == ["3.2s", "1:15", "1:01:40"]
