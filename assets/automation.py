"""When a step runs by itself.

https://docs.dagster.io/guides/automate/declarative-automation

Dagster's ``eager()`` would merge the styled frames into the run of the frames. Here every layer waits until its inputs
are complete and up to date, so that each segment gets a run of its own and the final video waits for the last of them.
"""

import dagster as dg

from assets.pricing import BUDGET_CHECK

Condition = dg.AutomationCondition


def when_inputs_are_fresh(*, ignore: dg.AssetSelection | None = None) -> dg.AutomationCondition:
    """Run once after an input was updated, when none is missing, running or itself older than its own inputs.

    A step that failed is not started again by this: it waits until one of its inputs is updated, or somebody
    materializes it.

    Args:
        ignore: inputs whose own inputs do not matter; none by default.
    """
    input_updated = Condition.any_deps_match(Condition.newly_updated()).with_label("input updated")
    handled = (Condition.newly_requested() | Condition.newly_updated()).with_label("handled")
    outdated = input_updated.since(Condition.newly_updated()).with_label("older than its inputs")
    any_input_outdated = Condition.any_deps_match(outdated)
    if ignore is not None:
        any_input_outdated = any_input_outdated.ignore(ignore)
    return (
        (input_updated | Condition.missing().newly_true()).since(handled).with_label("work to do")
        & ~Condition.any_deps_match(Condition.missing()).with_label("input missing")
        & ~Condition.any_deps_in_progress().with_label("input in progress")
        & ~any_input_outdated.with_label("input outdated")
        & ~Condition.in_progress().with_label("in progress itself")
    ).with_label("inputs are fresh")


def unless_held(condition: dg.AutomationCondition) -> dg.AutomationCondition:
    """``condition``, but not for a clip whose cost waits for approval; approving it lets the condition have its way."""
    budget = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey("source_video"), BUDGET_CHECK))
    over_budget = Condition.any_checks_match(Condition.check_failed()).allow(budget)
    held = Condition.any_deps_match(over_budget).with_label("held: source_video is over budget, see stylize approve")
    return (condition & ~held).with_label("inputs are fresh and the cost is allowed")
