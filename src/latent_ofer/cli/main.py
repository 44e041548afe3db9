"""The `latent-ofer` command: its subcommands, and how failures look to users."""

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from latent_ofer.cli.compare import compare
from latent_ofer.cli.data import data
from latent_ofer.cli.demo import demo
from latent_ofer.cli.evaluate import evaluate
from latent_ofer.cli.options import USE
from latent_ofer.cli.output import complain, speak_any_encoding
from latent_ofer.cli.predict import predict
from latent_ofer.cli.report import report
from latent_ofer.cli.serve import serve
from latent_ofer.cli.stopping import Stopped, stoppable
from latent_ofer.cli.synthesize import synthesize
from latent_ofer.cli.train import train
from latent_ofer.errors import LatentOFERError

app = typer.Typer(
    name="latent-ofer",
    help=f"Read an apparent facial expression when part of the face is hidden.\n\n{USE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=USE)(predict)
app.command(epilog=USE)(report)
app.command(epilog=USE)(demo)
app.command(epilog=USE)(serve)
app.command(epilog=USE)(synthesize)
app.command()(train)
app.add_typer(data, name="data")
app.command()(compare)
app.command()(evaluate)


def _print_version(wanted: bool) -> None:
    if wanted:
        from latent_ofer import __version__

        typer.echo(f"latent-ofer {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None, more: object = None) -> NoReturn:
    """Run the command line and exit.

    Exit codes: 0 all good, 1 some rows are errors, 2 nothing could run, 130 stopped by Ctrl-C,
    143 by SIGTERM, 129 by SIGHUP. Whatever goes wrong costs the user one line on stderr, never a
    traceback. `more` is what `evaluate` measures or `train` trains
    besides, by name (`benchmarks/paper_tables.py` and `train_baselines.py`).
    """
    speak_any_encoding()
    try:
        with stoppable():
            app(args=arguments, prog_name="latent-ofer", obj=more)
    except Stopped as stop:
        complain("stopped")
        sys.exit(stop.exit_code)
    except (LatentOFERError, ValueError, ImportError) as error:
        complain(_with_notes(str(error), error))
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        reason = f"{place}{error.strerror or error}; check the folder and the free space"
        complain(_with_notes(reason, error))
    except Exception as error:
        reason = f"internal error ({type(error).__name__}: {error}); please report it"
        complain(_with_notes(reason, error))
    sys.exit(2)


def _with_notes(text: str, error: Exception) -> str:
    return "; ".join([text, *getattr(error, "__notes__", ())])
