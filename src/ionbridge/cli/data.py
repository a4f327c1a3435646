"""`ionbridge data`: check tables, see what was understood, start new ones.

Reading and checking is the work of `ionbridge.datasets`.
"""

from __future__ import annotations

from pathlib import Path

import click

from ionbridge.cli.data_get import command as get_command
from ionbridge.cli.options import Reading, reading_options
from ionbridge.cli.options import command as make_command
from ionbridge.cli.output import Console, format_table
from ionbridge.cli.parsing import NAMES

__all__ = ["command"]

PATH = click.Path(path_type=Path)


@click.group("data", no_args_is_help=True)
def command() -> None:
    """Check and describe tables, start new ones, and fetch public data.

    Tables are CSV, Excel or Parquet files, one row a sample, one column a quantity. Semicolons and
    decimal commas are recognised.
    """


command.add_command(get_command)


@make_command(
    "validate",
    """
    ionbridge data validate graphite.csv
    ionbridge data validate line2.xlsx --sheet March --map 'Gap_set=roll_gap [um]' --ignore Remarks
    ionbridge data validate graphite.csv nmc.csv --columns columns.toml --json
    """,
    command,
)
@click.argument("files", type=PATH, nargs=-1, required=True)
@reading_options()
def _validate(console: Console, files: tuple[Path, ...], reading: Reading) -> int:
    """List everything that is wrong or odd about FILES, with row, column, value and remedy.

    Rows are numbered as in the file, the header included. The exit code is 2 if a file cannot be used, and 0 if there are only warnings.
    """
    from ionbridge.datasets import format_problems

    found = {file: reading.validate(file, exact=len(files) == 1) for file in files}
    n_errors = {file: sum(p.severity == "error" for p in problems) for file, problems in found.items()}
    payload = {
        "files": [
            {
                "file": file,
                "is_usable": not n_errors[file],
                "n_errors": n_errors[file],
                "n_warnings": len(problems) - n_errors[file],
                "problems": problems,
            }
            for file, problems in found.items()
        ]
    }
    texts = [
        format_problems(problems, max_printed=100) if problems else f"{file}: no problems found"
        for file, problems in found.items()
    ]
    console.result(payload, "\n".join(texts))
    return 2 if any(n_errors.values()) else 0


@make_command(
    "describe",
    "ionbridge data describe nmc.csv\nionbridge data describe nmc.csv --map 'S2=solid_content [%]' --json",
    command,
)
@click.argument("file", type=PATH)
@reading_options()
def _describe(console: Console, file: Path, reading: Reading) -> None:
    """Show what was understood of FILE: quantities, units, ranges, missing values."""
    from ionbridge.datasets import describe_table

    table = reading.read(file)
    columns = describe_table(table).reset_index().to_dict("records")
    headers = ("quantity", "unit", "values", "missing", "distinct", "min", "median", "max", "outside range")
    keys = ("quantity", "unit", "n", "missing", "distinct", "min", "median", "max", "outside_range")
    rows = [[row[key] for key in keys] for row in columns]
    console.result(
        {
            "file": file,
            "n_rows": len(table),
            "domain": table.domain,
            "provenance": table.provenance,
            "columns": columns,
            "warnings": table.warnings,
        },
        f"{file}: {len(table)} rows\n{format_table(headers, rows)}",
    )
    for problem in table.warnings:
        console.note(str(problem))


@make_command(
    "template",
    """
    ionbridge data template new-campaign.csv --quantities comma_gap,roll_gap,solid_content,density
    ionbridge data template new-campaign.xlsx --quantities roll_gap,drying_temperature,porosity
    """,
    command,
)
@click.argument("file", type=PATH)
@click.option("--quantities", type=NAMES, required=True, help="One column each.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def _template(console: Console, file: Path, quantities: tuple[str, ...], overwrite: bool) -> None:
    """Write an empty table with the right headers to FILE (.csv or .xlsx), ready to fill in."""
    from ionbridge.datasets import write_template
    from ionbridge.exceptions import ConfigurationError

    if file.exists() and not overwrite:
        raise ConfigurationError(f"{file} exists already; choose another name or add --overwrite.")
    path = write_template(file, quantities)
    console.result({"file": path, "quantities": quantities}, f"written: {path}")
