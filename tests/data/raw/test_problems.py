"""Problems of files: the first of them in one table."""

from dermoscopy.data.raw.problems import ROWS_SHOWN, Problem, UnusableFile, table


def test_a_problem_is_a_row_and_rows_are_sorted_and_aligned():
    head, first, second = table(
        [Problem("b.png", "empty", "get it"), Problem("a.png", "not an image", "x")]
    ).splitlines()
    assert head == "file   problem       what to do" and first.startswith("a.png  not an image  x")
    assert second == "b.png  empty         get it"


def test_problems_beyond_the_first_are_counted():
    lines = table([Problem(f"{n:03}", "p", "r") for n in range(ROWS_SHOWN + 7)]).splitlines()
    assert len(lines) == ROWS_SHOWN + 2 and lines[-1] == "and 7 more"


def test_an_error_says_the_problem_and_the_remedy():
    error = UnusableFile("empty", "get it again")
    assert (error.problem, error.remedy, str(error)) == ("empty", "get it again", "empty: get it again")
