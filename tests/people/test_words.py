from vgae.people import report, words


def test_terminal_and_report_say_the_same() -> None:
    for name in words.__all__:
        assert getattr(report, name, getattr(words, name)) is getattr(words, name)


def test_small_reasons_are_not_said_and_no_more_than_three() -> None:
    amounts = {"a": 0.04, "b": -2.0, "c": 1.0, "d": 0.5, "e": 0.1}
    assert words.reasons_words(amounts) == "b -2.0, c +1.0, d +0.5"
    assert words.reasons_words({"a": 0.01}) == ""
