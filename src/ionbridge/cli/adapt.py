"""`ionbridge adapt`: a saved model carried over to a short table, without the rows it learned from.

The work is done by `ionbridge.transfer.adapt_model`.
"""

from __future__ import annotations

from pathlib import Path

import click

from ionbridge.cli.options import Reading, load_table_model, reading_options, seed_option
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_pairs
from ionbridge.cli.parsing import LEVEL, MODEL, NAMES, STRATEGY
from ionbridge.exceptions import ConfigurationError

__all__ = ["command"]


@make_command(
    "adapt",
    """
    ionbridge adapt graphite-density nmc.csv --save nmc-density
    ionbridge adapt graphite-density nmc.csv --strategy output_calibration --save nmc-density --overwrite
    ionbridge adapt graphite-density nmc.csv --more-inputs comma_gap --save nmc-density --json
    """,
)
@click.argument("model", type=MODEL)
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--save", metavar="NAME", required=True, help="Name of the adapted model.")
@click.option("--overwrite", is_flag=True, help="Replace a saved model of the same name.")
@click.option("--more-inputs", type=NAMES, default=(), help="Columns of the target that MODEL does not know.")
@click.option(
    "--strategy", type=STRATEGY, default="auto", show_default=True, help="How knowledge is carried over."
)
@click.option(
    "--level", type=LEVEL, default=0.9, show_default=True, help="Coverage of the intervals, 0 to 1."
)
@click.option(
    "--group", metavar="QUANTITY", help="Label column of the target whose rows are held out together."
)
@seed_option
@reading_options()
def command(
    console: Console,
    model: str,
    target: Path,
    save: str,
    overwrite: bool,
    more_inputs: tuple[str, ...],
    strategy: str,
    level: float,
    group: str | None,
    seed: int,
    reading: Reading,
) -> None:
    """Adapt the saved MODEL to the table TARGET and save the result.

    Needs no rows of the domain that MODEL comes from. The new model remembers MODEL as its parent
    ('ionbridge models lineage'). For a verdict with confidence intervals, give both tables to
    'ionbridge transfer'.
    """
    from ionbridge.library import ModelLibrary
    from ionbridge.transfer import adapt_model

    library = ModelLibrary()
    if save in library.names(shipped=False) and not overwrite:
        raise ConfigurationError(
            f"there is already a saved model {save!r}; choose another name or add --overwrite."
        )
    if save == model:
        raise ConfigurationError(
            "the adapted model cannot replace its parent; choose another name for --save."
        )
    table = reading.read(target)
    made = adapt_model(
        load_table_model(model),
        table,
        more_inputs=more_inputs,
        strategy=strategy,
        level=level,
        group=group,
        random_state=seed,
    )
    card = library.save(
        made, save, parent=model, overwrite=overwrite, licence=_licence(library.card(model).licence, table)
    )
    pairs = {
        "model": f"{card.name} (version {card.version})",
        "parent": model,
        "target rows": len(made.y_target_),
        "MAPE out of sample [%]": made.cv_mape_,
        "of a Gaussian process of the target alone [%]": made.cv_mape_target_only_,
    }
    console.result(card.to_dict(), format_pairs(pairs))
    console.note(f"saved model: {save} (ionbridge predict {save} NEW.csv)")


def _licence(of_parent: str, table: object) -> str:
    """Terms of both, as far as they are known."""
    own = getattr(getattr(table, "provenance", None), "licence", "")
    parts = (("parent model", of_parent), ("target data", own))
    return "; ".join(f"{what}: {licence}" for what, licence in parts if licence)
