"""Which ends of attempts count against which budget, and where the next attempt begins."""

from pathlib import Path

import pytest

from stylize.errors import AttemptsSpentError
from stylize.records.attempts import (
    MAX_ERRORS,
    MAX_INTERRUPTIONS,
    MAX_KEPT,
    MAX_STUCK,
    Attempt,
    AttemptLog,
    Reason,
    check_budgets,
    count_reasons,
    memory_steps_down,
)
from stylize.store.folder_store import FolderStore

KEY = "work/film/0/styled/0/attempts-000.json"


def attempt(
    reason: Reason = "unfinished", *, at: int = 0, resumed: int = 0, steps_down: int = 0, launch: str = "launch"
) -> Attempt:
    return Attempt(
        launch=launch,
        run_id="run",
        retry_number=at,
        host="pod",
        process_id=1,
        process_start_seconds=0.0,
        started_at=f"2026-01-01T00:{at // 60:02d}:{at % 60:02d}+00:00",
        resumed_frames=resumed,
        memory_steps_down=steps_down,
        reason=reason,
        message=f"{reason} at {resumed}",
    )


@pytest.mark.parametrize("reason", ["error", "crashed"])
def test_three_errors_are_the_end_and_two_are_not(reason: Reason) -> None:
    check_budgets([attempt(reason)] * (MAX_ERRORS - 1), resumed_frames=0)
    with pytest.raises(AttemptsSpentError, match=f"3 attempts ended in an error, the last one: {reason} at 0"):
        check_budgets([attempt(reason)] * MAX_ERRORS, resumed_frames=0)


@pytest.mark.parametrize("reason", ["pre-empted", "killed", "out of memory"])
def test_interruptions_do_not_eat_the_budget_of_errors(reason: Reason) -> None:
    interrupted = [attempt(reason, resumed=24 * number) for number in range(MAX_INTERRUPTIONS - 1)]
    check_budgets([*interrupted, attempt("error"), attempt("error")], resumed_frames=480)


def test_too_many_interruptions_are_the_end_though_each_came_further() -> None:
    interrupted = [attempt("pre-empted", resumed=24 * number) for number in range(MAX_INTERRUPTIONS)]
    with pytest.raises(AttemptsSpentError, match=r"interrupted 20 times \(20 pre-empted\), the last time: pre-empted"):
        check_budgets(interrupted, resumed_frames=480)


def test_interruptions_at_the_same_place_are_the_end_much_sooner() -> None:
    stuck = [attempt("killed", resumed=48)] * (MAX_STUCK - 2) + [attempt("pre-empted", resumed=48)] * 2
    check_budgets(stuck[1:], resumed_frames=48)
    check_budgets(stuck, resumed_frames=72)
    with pytest.raises(AttemptsSpentError, match=r"5 times after 48 frames .* \(3 killed, 2 pre-empted\)"):
        check_budgets(stuck, resumed_frames=48)


def test_an_attempt_that_tries_with_less_memory_is_not_at_the_same_place() -> None:
    tried = [attempt("killed")] * (MAX_STUCK - 1) + [attempt("out of memory")]
    check_budgets(tried, resumed_frames=0)


@pytest.mark.parametrize("reason", ["store away", "canceled", "finished", "unfinished"])
def test_an_outage_of_the_store_and_what_people_do_count_for_nothing(reason: Reason) -> None:
    check_budgets([attempt(reason)] * 50, resumed_frames=0)


def test_each_time_that_memory_ran_out_the_next_attempt_begins_a_step_further_down() -> None:
    assert memory_steps_down([]) == 0
    first = [attempt("pre-empted"), attempt("out of memory"), attempt("error", steps_down=1)]
    assert memory_steps_down(first) == 1
    assert memory_steps_down([*first, attempt("out of memory", steps_down=1), attempt("killed", steps_down=2)]) == 2


def test_reasons_are_counted_for_people() -> None:
    assert count_reasons([attempt("killed"), attempt("error"), attempt("killed")]) == "2 killed, 1 error"
    assert count_reasons([]) == ""


def test_a_log_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    store, begun = FolderStore(tmp_path), attempt()
    ended = begun.ended("2026-01-01T00:01:00+00:00", "pre-empted", "told to end", styled_frames=30)
    for entry in (begun, ended, attempt(at=1, launch="another")):
        AttemptLog.update(store, KEY, lambda log, entry=entry: log.with_attempt(entry))
    assert AttemptLog.read(store, KEY).attempts == (ended, attempt(at=1, launch="another"))
    assert AttemptLog.read(store, KEY).of_launch("launch") == [ended]


def test_a_damaged_log_is_begun_anew(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.put(KEY, b"{")
    AttemptLog.update(store, KEY, lambda log: log.with_attempt(attempt()))
    assert AttemptLog.read(store, KEY).attempts == (attempt(),)


def test_a_log_does_not_grow_for_ever() -> None:
    log = AttemptLog()
    for number in range(MAX_KEPT + 5):
        log = log.with_attempt(attempt(at=number))
    assert [entry.retry_number for entry in log.attempts] == list(range(5, MAX_KEPT + 5))
