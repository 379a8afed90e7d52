"""Writes what README.md and docs/ say of the manifest, the command, the imports and the speed.

Each part lies between two marks, `<!-- NAME: written by scripts/update_readme.py -->` and
`<!-- end of NAME -->`, in whatever page wants it; docs/house.svg is drawn too.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import draw_house
from command_page import command_sections

from vsdeblur.manifest import FilterFacts, ModelFacts, Parameter, load_manifest

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
MARKS = re.compile(
    r"(<!-- ([a-z ]+): written by scripts/update_readme\.py -->\n).*?(<!-- end of \2 -->)",
    re.DOTALL,
)
SPEED = ROOT / "docs" / "speed.md"
RUNS_THERE = "through vspipe, frames/s"
"""The column of that page's table that the README repeats."""


def main() -> None:
    """Rewrite the pages, or with --check only say whether they are up to date."""
    updated = {page: with_tables(page.read_text(encoding="utf-8")) for page in PAGES}
    updated[draw_house.PICTURE] = draw_house.draw(draw_house.read_house())
    for file, text in updated.items():
        if "--check" not in sys.argv[1:]:
            file.write_text(text, encoding="utf-8")
        elif not file.is_file() or file.read_text(encoding="utf-8") != text:
            sys.exit(f"{file.relative_to(ROOT)} is out of date: run scripts/update_readme.py")


def with_tables(text: str) -> str:
    """A page's text with the parts between the marks written anew."""
    return MARKS.sub(lambda found: f"{found[1]}\n{part(found[2])}\n\n{found[3]}", text)


def part(name: str) -> str:
    """What stands between the marks of that name."""
    parts = {
        "commands": command_sections,
        "which filter": which_filter,
        "filters": filter_sections,
        "rooms": rooms,
        "speed": speed,
    }
    return "\n".join(parts[name]())


def table(*rows: Iterable[str]) -> Iterator[str]:
    """Rows as a table; the first is its head."""
    for number, cells in enumerate(map(list, rows)):
        yield f"| {' | '.join(cells)} |"
        if number == 0:
            yield f"|{' --- |' * len(cells)}"


def which_filter() -> Iterator[str]:
    """A row for each filter."""
    rows = []
    for facts in load_manifest().filters.values():
        default = facts.model(facts.parameters["model"].default)
        frames = f"{facts.multiplier} for each" if facts.multiplier > 1 else "as many"
        rows.append([f"`{facts.name}`", facts.when, frames, measured(facts, default)])
    yield from table(
        ["filter", "take it for", "frames out", "measured, by its default model"], *rows
    )


def filter_sections() -> Iterator[str]:
    """A section for each filter, and one for the parameters that all have."""
    shared: dict[str, Parameter] = {}
    for facts in load_manifest().filters.values():
        yield from lines(facts)
        own = {parameter.name for parameter in facts.own_parameters}
        shared |= {name: p for name, p in facts.parameters.items() if name not in own}
    yield from ["### Parameters of every filter", ""]
    yield from table(PARAMETER_HEAD, *map(row, shared.values()))


def lines(facts: FilterFacts) -> list[str]:
    """Heading, models and own parameters of a filter."""
    window = 2 * facts.temporal_radius + 1
    return [
        f"### `{facts.name}`",
        "",
        f"{facts.summary} Window: {window} frame{'s' if window > 1 else ''}; "
        f"frames out per frame in: {facts.multiplier}; reads {facts.reads}.",
        f"After {facts.paper}.",
        "",
        *table(
            ["model", "what it is", "weights", "measured"],
            *(model_row(facts, model) for model in facts.models.values()),
        ),
        "",
        *table(PARAMETER_HEAD, *map(row, facts.own_parameters)),
        "",
    ]


def model_row(facts: FilterFacts, model: ModelFacts) -> list[str]:
    """A model's line in the table."""
    return [
        f"`{model.name}`",
        model.summary,
        "yes" if model.weights else "not yet",
        measured(facts, model),
    ]


def measured(facts: FilterFacts, model: ModelFacts) -> str:
    """A model's figures in words."""
    scores = model.scores or {}
    return "; ".join(facts.figures[key].format(value) for key, value in scores.items()) or "-"


PARAMETER_HEAD = ["parameter", "default", "allowed", "meaning"]


def row(parameter: Parameter) -> list[str]:
    """A parameter's line in the table."""
    default = "none" if parameter.default is None else f"`{parameter.default}`"
    only = " Filters of single frames do not have it." if parameter.temporal else ""
    return [f"`{parameter.name}`", default, parameter.allowed, parameter.help + only]


def rooms() -> Iterator[str]:
    """What each room says of itself."""
    package = ROOT / draw_house.PACKAGE
    names = [room for floor in draw_house.read_floors() for room in floor]
    rows = []
    for name in names:
        file = package / f"{name}.py"
        source = file if file.is_file() else package / name / "__init__.py"
        text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
        rows.append([f"`{name}`", " ".join(text.partition("\n\n")[0].split())])
    yield from table(["room", "what is in it"], *rows)


def speed() -> Iterator[str]:
    """Frames a second from end to end, of each filter and size that docs/speed.md has."""
    text, _, _ = SPEED.read_text(encoding="utf-8").partition("## On a card")
    head, _, *found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    values = [dict(zip(head, cells, strict=True)) for cells in found]
    sizes = list(dict.fromkeys(each["size"] for each in values))
    speeds = {(each["filter"], each["model"], each["size"]): each[RUNS_THERE] for each in values}
    rows = [
        [f"`{name}`", f"`{model}`", *(speeds.get((name, model, size), "") for size in sizes)]
        for name, model in dict.fromkeys((name, model) for name, model, _ in speeds)
    ]
    machine = next(line for line in text.splitlines() if line.startswith("CPU: "))
    yield from ["Frames a second through `vspipe`:", ""]
    yield from table(["filter", "model", *sizes], *rows)
    yield from ["", machine]


if __name__ == "__main__":
    main()
