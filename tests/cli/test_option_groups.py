"""Help in groups: the common options first, each filter's own apart, nothing lost."""

import click
import pytest

from vsdeblur.cli.main import app, main
from vsdeblur.cli.option_groups import FURTHER, FilterOption, GroupedCommand, sections_of
from vsdeblur.manifest import load_manifest

GROUPED = [name for name, command in app.commands.items() if getattr(command, "groups", None)]


@pytest.fixture
def sections():
    """Title -> names of the options of `restore`, in the order of its help."""
    command = app.commands["restore"]
    with click.Context(command, info_name="restore") as context:
        return {
            section.title: [row.name.split()[0].rstrip(",") for row in section.rows]
            for section in sections_of(command, context)
        }


def test_the_common_dozen_comes_first(sections):
    first, names = next(iter(sections.items()))
    assert first == "Common options"
    assert 8 <= len(names) <= 14
    assert {"--filter", "--model", "--quality", "--overwrite", "--help"} <= set(names)


@pytest.mark.parametrize("name", GROUPED)
def test_every_option_is_in_a_group_and_the_groups_name_none_that_is_not_there(name):
    command = app.commands[name]
    with click.Context(command, info_name=name) as context:
        shown = {row.name for section in sections_of(command, context) for row in section.rows}
        titles = [section.title for section in sections_of(command, context)]
    options = {option for each in command.params for option in each.opts if option[:2] == "--"}
    told = {part.rstrip(",") for row in shown for part in row.split() if part[:2] == "--"}
    assert options <= told
    assert FURTHER not in titles
    named = {option for names in command.groups.values() for option in names}
    assert named <= options | {"--help"}


def test_a_filters_own_options_are_in_its_section_alone(sections):
    assert "--regions" in sections["Options of brmr"]
    assert sum("--regions" in names for names in sections.values()) == 1
    for name, facts in load_manifest().filters.items():
        own = {f"--{p.name.replace('_', '-')}" for p in facts.own_parameters}
        assert own <= set(sections[f"Options of {name}"]) | set(sections["All filters"])


def test_what_some_filters_have_is_told_by_each_of_them():
    parameters = {
        "blend": {"dblrgan": "How much.", "brmr": "How much."},
        "everywhere": dict.fromkeys(load_manifest().filters, "The same."),
    }

    @click.command(cls=GroupedCommand, groups={"All filters": ("--everywhere",)})
    def command(**given):
        """Do nothing."""

    for name, texts in parameters.items():
        others = len(texts) < len(load_manifest().filters)
        option = FilterOption([f"--{name}"], metavar="FLOAT", texts=texts, others=others)
        command.params.append(option)
    with click.Context(command) as context:
        titles = {
            section.title: [row.name.split()[0] for row in section.rows]
            for section in sections_of(command, context)
        }
    assert titles["All filters"] == ["--everywhere"]
    assert titles["Options of dblrgan"] == titles["Options of brmr"] == ["--blend"]
    assert "Options of sequence" not in titles


def test_what_differs_by_filter_is_told_by_filter(capsys):
    assert main(["restore", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Each filter has its own: see the options of dblrgan, brmr, sequence." in text
    assert "fast: works at half size" in text.partition("Options of sequence:")[2]
    assert "(dblrgan, sequence) Mean luma difference" in text


def test_help_fits_into_a_terminal(capsys):
    assert main(["restore", "--help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100
