"""Draws docs/house.svg: the package's rooms and who imports whom, from the real imports.

The rooms and their floors are those of the import contract in pyproject.toml. They stand on a
diagonal, so that an import is a line to the right and down, and a number says how many there are.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "house.svg"
PACKAGE = "vsdeblur"

BOX_WIDTH, BOX_HEIGHT, STEP_X, STEP_Y = 112, 30, 66, 46
MARGIN, FRAME = 16, 7
ARRIVES_AT = 84
"""Where on a room's upper side imports arrive: right of all rooms above it."""
UP = "#c0392b"
"""Colour of an import that the contract forbids."""
STYLE = """
text { font: 13px system-ui, sans-serif; text-anchor: middle; }
.room { fill: #eef3fa; stroke: #31507a; }
.size { fill: #66788f; }
.floor { fill: none; stroke: #9fb0c6; stroke-dasharray: 4 4; }
.way { fill: none; stroke: #9fb0c6; stroke-width: 1.5; }
.head { fill: #31507a; }
.count { fill: #ffffff; stroke: #31507a; }
.count + text { font-size: 11px; }
"""


@dataclass(frozen=True)
class House:
    """What is drawn."""

    floors: list[list[str]]
    """Rooms of each floor, from the top."""
    sizes: Counter[str]
    """Modules in each room."""
    imports: Counter[tuple[str, str]]
    """Modules imported by modules of another room: importing room, imported room -> how many."""

    @property
    def rooms(self) -> list[str]:
        """All, from the top."""
        return [room for floor in self.floors for room in floor]


def main() -> None:
    """Draw it."""
    PICTURE.write_text(draw(read_house()), encoding="utf-8")


def read_house() -> House:
    """The package as it is."""
    floors = read_floors()
    rooms = {room for floor in floors for room in floor}
    graph = grimp.build_graph(
        PACKAGE, include_external_packages=False, exclude_type_checking_imports=True, cache_dir=None
    )
    sizes: Counter[str] = Counter()
    imports: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        room = room_of(module)
        sizes[room] += 1
        for imported in graph.find_modules_directly_imported_by(module):
            imports[room, room_of(imported)] += 1
    between = {pair: n for pair, n in imports.items() if rooms >= {*pair} and pair[0] != pair[1]}
    return House(floors, sizes, Counter(between))


def read_floors() -> list[list[str]]:
    """Rooms of each floor by the first contract of import-linter's, from the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    floors = [[room_of(name.strip()) for name in layer.split("|")] for layer in layers]
    return [floor for floor in floors if floor != ["__main__"]]


def room_of(module: str) -> str:
    """The folder or file directly under the package that a module is in; "" = the package's."""
    return module.partition(".")[2].partition(".")[0]


def draw(house: House) -> str:
    """The picture as SVG."""
    last = len(house.rooms) - 1
    width = 2 * MARGIN + last * STEP_X + BOX_WIDTH
    height = 2 * MARGIN + last * STEP_Y + BOX_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        "<title>Rooms of the package, and how many modules of each import modules of which</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#ffffff"/>',
        *floor_lines(house),
        *way_lines(house),
        *count_lines(house),
        *room_lines(house),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def corner(number: int) -> tuple[int, int]:
    """Left and upper side of a room."""
    return MARGIN + number * STEP_X, MARGIN + number * STEP_Y


def crossing(house: House, pair: tuple[str, str]) -> tuple[int, int]:
    """Where the line to the right of a room meets the line down to another."""
    importing, imported = map(house.rooms.index, pair)
    return corner(imported)[0] + ARRIVES_AT, corner(importing)[1] + BOX_HEIGHT // 2


def floor_lines(house: House) -> list[str]:
    """A frame around the rooms of one floor."""
    lines, start = [], 0
    for floor in house.floors:
        if len(floor) > 1:
            left, top = (side - FRAME for side in corner(start))
            right, bottom = corner(start + len(floor) - 1)
            width, height = right + BOX_WIDTH + FRAME - left, bottom + BOX_HEIGHT + FRAME - top
            place = f'x="{left}" y="{top}" width="{width}" height="{height}"'
            lines.append(f'<rect class="floor" {place} rx="8"/>')
        start += len(floor)
    return lines


def way_lines(house: House) -> list[str]:
    """The lines of all imports, several of one room together, and above them their arrowheads."""
    lines, heads = [], []
    for importing, imported in sorted(house.imports):
        x, y = crossing(house, (importing, imported))
        start = corner(house.rooms.index(importing))[0] + BOX_WIDTH
        end = corner(house.rooms.index(imported))[1]
        colour = f' style="stroke: {UP}"' if end < y else ""
        lines.append(f'<path class="way"{colour} d="M{start} {y} H{x} V{end}"/>')
        heads.append(f'<path class="head" d="M{x - 4} {end - 7} h8 l-4 7 z"/>')
    return [*lines, *dict.fromkeys(heads)]


def count_lines(house: House) -> list[str]:
    """How many imports, where the lines meet."""
    lines = []
    for pair, count in sorted(house.imports.items()):
        x, y = crossing(house, pair)
        lines.append(f'<circle class="count" cx="{x}" cy="{y}" r="10"/>')
        lines.append(f'<text x="{x}" y="{y + 4}">{count}</text>')
    return lines


def room_lines(house: House) -> list[str]:
    """The rooms, with their names and numbers of modules."""
    lines = []
    for number, room in enumerate(house.rooms):
        x, y = corner(number)
        lines.append(
            f'<rect class="room" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
        )
        size = f' <tspan class="size">{house.sizes[room]}</tspan>'
        middle = x + BOX_WIDTH // 2
        lines.append(f'<text x="{middle}" y="{y + BOX_HEIGHT // 2 + 5}">{room}{size}</text>')
    return lines


if __name__ == "__main__":
    main()
