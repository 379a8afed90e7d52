"""`vsdeblur demo`: a clip through vspipe, and what came of it."""

from __future__ import annotations

from pathlib import Path

import click

from .progress import print_line

__all__ = ["demo"]


@click.command()
@click.argument(
    "clip", metavar="[CLIP]", required=False, type=click.Path(path_type=Path, dir_okay=False)
)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("demo_out"), show_default=True,
    metavar="DIR", help="Folder of the results.",
)  # fmt: skip
def demo(clip: Path | None, out: Path) -> int:
    """Restore a clip through vspipe, and show what came of it.

    Without a CLIP one is made of photographs and blurred, and what was gained is printed; that
    needs: pip install 'vsdeblur[demo]'.
    """
    from ..demo import run_demo

    result = run_demo(clip, out, lambda doing: print_line(f"{doing} ..."))
    rate = result.frames / result.seconds
    click.echo(
        f"device: {result.device}, {result.frames} frames, {rate:.1f} frames/s with start-up"
    )
    if result.psnr is not None:
        before, after = result.psnr
        click.echo(
            f"luma PSNR: {before:.2f} dB before, {after:.2f} dB after ({after - before:+.2f} dB)"
        )
    click.echo(f"results: {result.restored} and {result.picture}")
    return 0
