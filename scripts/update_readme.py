"""Writes the README's tables of filters and parameters from plugin_manifest.toml."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from vsdeblur.manifest import FilterFacts, ModelFacts, Parameter, load_manifest

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- filters: written by scripts/update_readme.py from plugin_manifest.toml -->"
END = "<!-- end of filters -->"


def main() -> None:
    """Rewrite the section, or with --check only say whether it is up to date."""
    text = README.read_text(encoding="utf-8")
    updated = with_tables(text)
    if "--check" in sys.argv[1:]:
        sys.exit(0 if updated == text else "README.md is out of date: run scripts/update_readme.py")
    README.write_text(updated, encoding="utf-8")


def with_tables(text: str) -> str:
    """The README's text with the section between the marks written anew."""
    section = "\n".join(line for facts in load_manifest().filters.values() for line in lines(facts))
    pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
    return re.sub(pattern, lambda _: f"{BEGIN}\n\n{section}\n{END}", text, flags=re.DOTALL)


def lines(facts: FilterFacts) -> list[str]:
    """Heading, models and parameters of a filter."""
    window = 2 * facts.temporal_radius + 1
    return [
        f"### `{facts.name}`",
        "",
        f"{facts.summary} Window: {window} frame{'s' if window > 1 else ''}; "
        f"frames out per frame in: {facts.multiplier}; reads {facts.reads}.",
        f"After {facts.paper}.",
        "",
        "| model | what it is | weights | measured |",
        "| --- | --- | --- | --- |",
        *[
            f"| `{model.name}` | {model.summary} | {'yes' if model.weights else 'not yet'} "
            f"| {measured(facts, model)} |"
            for model in facts.models.values()
        ],
        "",
        "| parameter | default | allowed | meaning |",
        "| --- | --- | --- | --- |",
        *map(row, facts.parameters.values()),
        "",
    ]


def measured(facts: FilterFacts, model: ModelFacts) -> str:
    """A model's figures in words."""
    scores = model.scores or {}
    return "; ".join(facts.figures[key].format(value) for key, value in scores.items()) or "-"


def row(parameter: Parameter) -> str:
    """A parameter's line in the table."""
    default = "none" if parameter.default is None else f"`{parameter.default}`"
    return f"| `{parameter.name}` | {default} | {parameter.allowed} | {parameter.help} |"


if __name__ == "__main__":
    main()
