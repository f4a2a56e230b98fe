"""How tables print names and numbers."""

import math

from eval_suite.statistics import Interval
from eval_suite.table import markdown_table, number, terminal_table


def test_a_bar_in_a_name_does_not_break_the_table() -> None:
    row = {"BLEU-1": Interval(0.5, 0.25, 0.75), "critical missed": Interval(*[math.nan] * 3)}
    assert markdown_table({"a|b": row, "c": row}, {}).splitlines()[2:4] == [
        "| a\\|b | .500 (.250 to .750) | – |",
        "| c | .500 (.250 to .750) | – |",
    ]
    assert "–" in terminal_table({"a|b": row}, {})


def test_numbers_are_printed_as_in_the_paper() -> None:
    assert [number(x) for x in (0.4667, 4.45, -0.0312, 10.01, -0.0002, 1.0)] == [
        *(".467", "4.450", "-.031", "10.010", ".000", "1.000")
    ]
    assert Interval(1, 0, 2)._asdict() == {"value": 1, "low": 0, "high": 2}
