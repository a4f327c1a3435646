"""Messages of the library in the words of the command line: options in place of Python arguments.

What is said, and when, is decided where the fault is seen.
"""

from __future__ import annotations

import re

__all__ = ["for_terminal"]

_OPTIONS = {
    "inputs": "--inputs",
    "outputs": "--predict",
    "target_sizes": "--sizes",
    "source_sizes": "--source-sizes",
    "n_splits": "--splits",
    "n_seeds": "--seeds",
    "n_suggestions": "-n",
    "random_state": "--seed",
}
_OPTIONS_OF_CALLS = {  # words that may also be headers or names of the user, so only with the call behind them
    **_OPTIONS,
    "output": "--predict",
    "strategies": "--strategies",
    "baselines": "--baselines",
    "level": "--level",
    "folder": "--out",
    "bounds": "--bounds",
    "fixed": "--fix",
    "targets": "--target",
}
_CALLS = (
    "StudyDesign|TransferModel|explain|judge|next_experiments|run_study|suggest|[a-z]+_tables|write_report"
)
_REPLACEMENTS = (
    (re.compile(r"\s*\(in Python[^()]*(?:\([^()]*\)[^()]*)*\)"), ""),
    (re.compile(r"group=\S+ in Python, (--group \S+) on the command line"), r"\1"),
    (re.compile(r"\bpass overwrite=True"), "add --overwrite"),
    (re.compile(r",? or lower 'test_fraction' and 'min_test_rows'"), ""),
    (re.compile(r"name its label column as 'group'"), "name its label column with --group"),
    (re.compile(r"\bLeave 'group' out"), "Leave --group out"),
)


def for_terminal(message: str) -> str:
    """Rewrite a message of the library for somebody who types commands.

    Parameters
    ----------
    message : text that may name arguments, as in ``'n_splits' of StudyDesign``.
    """
    for pattern, replacement in _REPLACEMENTS:
        message = pattern.sub(replacement, message)
    message = re.sub(
        rf"'(\w+)' of (?:{_CALLS})(?=[ ,;])", lambda found: _OPTIONS_OF_CALLS.get(found[1], found[0]), message
    )
    return re.sub(r"'(\w+)'", lambda found: _OPTIONS.get(found[1], found[0]), message)
