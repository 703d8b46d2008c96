"""The command `matloop design`: which of my candidates to make or measure next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from matloop.cli.shell import load, show

EXAMPLE = (
    "Example: matloop design runs/thermopower/1f3a/bundle candidates.csv -n 20 --goal 'minimise S_n' "
    "--without Tc,Pm,actinides --known measured.csv -o next.csv"
)


def design(
    bundle: Annotated[Path, typer.Argument(help="The bundle of a run.", metavar="BUNDLE")],
    candidates: Annotated[
        Path, typer.Argument(help="A table of candidates; the columns of the inputs.", metavar="CANDIDATES")
    ],
    n: Annotated[int, typer.Option("--number", "-n", help="How many to pick.")] = 20,
    goal: Annotated[
        list[str] | None,
        typer.Option("--goal", "-g", help="'maximise T', 'T <= 5 eV', 'T in 1.2..1.6 eV', 'T = word' (repeat)."),
    ] = None,
    known: Annotated[
        str, typer.Option("--known", "-k", help="A table of what is measured: not proposed again, and to be beaten.")
    ] = "",
    without: Annotated[str, typer.Option("--without", help="Elements or series to keep out: Tc,Pm,actinides.")] = "",
    only: Annotated[str, typer.Option("--only", help="Elements or series beside which there may be no others.")] = "",
    max_price: Annotated[float | None, typer.Option("--max-price", help="Of the elements in it, USD/kg.")] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="CSV of prices of your own (element, price); 2013's otherwise.")
    ] = None,
    max_hhi: Annotated[
        float | None,
        typer.Option("--max-hhi", help="How few hands an element may be in (index of production, 0 to 10,000)."),
    ] = None,
    diversity: Annotated[
        float, typer.Option("--diversity", help="How much picks are to differ; 0 ranks by merit alone.")
    ] = 1.0,
    explore: Annotated[
        float, typer.Option("--explore", help="Share of the picks made where the model knows least.")
    ] = 0.0,
    outside: Annotated[
        bool, typer.Option("--outside", help="Also pick what is unlike the training data; said beside each.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Table to write; what could not be picked goes beside it.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result (or the error) as JSON and nothing else.")
    ] = False,
) -> None:
    """Rank candidates of your own by goal, doubt and diversity, each with its reason."""
    with load("matloop.cli.bar:listener")(quiet=quiet or out is None) as progress:
        done = load("matloop.pipeline.design:design")(
            bundle, candidates, goal or (), n=n, known=known, without=without, only=only, max_price=max_price,
            prices=prices, max_hhi=max_hhi, diversity=diversity, explore=explore, outside=outside, out=out,
            progress=progress,
        )  # fmt: skip
    show(done.lines(), done.as_json(), json)
