"""The table of looks as one page of HTML, with every photograph in every style."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from bench.looks_rows import encode_within
from stylize.style.looks.photographs import Photograph
from stylize.style.looks.table import BOUNDS, MEASURES

TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Looks</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #222; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: 2px 8px; border-bottom: 1px solid #ddd; text-align: right; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
thead th { position: sticky; top: 0; background: #fff; }
.out { background: #fbc9c4; } .exempt { color: #999; } .wrong { font-weight: bold; color: #b00; }
section { overflow-x: auto; } .strip { display: flex; gap: 4px; margin: 2px 0; align-items: center; }
.strip b { flex: 0 0 8em; font-weight: normal; position: sticky; left: 0; background: #fffc; }
.strip img { height: 240px; } tbody td:first-child { white-space: nowrap; }
h2 { margin: 1.5em 0 0.3em; }
</style></head><body>
<h1>Looks</h1>
<p>Figures out of bounds are marked; those that do not count for a control are gray. Errors of motion are in 1e-3.</p>
<table><thead><tr><th>name<th>quality{% for column in columns %}<th>{{ column }}{% endfor %}<th>verdict</tr>
<tr><th><th>bounds{% for column in columns %}<th>{{ bounds[column] }}{% endfor %}<th></tr></thead><tbody>
{% for row in rows %}<tr><td>{{ row.name }}<td>{{ row.quality }}
{% for column in columns %}<td class="{{ row.marks[column] }}">{{ row.texts[column] }}{% endfor %}
<td class="{{ 'wrong' if row.as_expected == false }}">{{ row.found }}
{% if row.as_expected == false %}(expected: {{ row.expected }}){% endif %}</tr>
{% endfor %}</tbody></table>
{% for title, strips in sections %}<h2>{{ title }}</h2><section>
{% for label, pictures in strips %}<div class="strip"><b>{{ label }}</b>
{% for picture in pictures %}<img loading="lazy" alt="" src="data:image/jpeg;base64,{{ picture }}">{% endfor %}</div>
{% endfor %}</section>{% endfor %}</body></html>
"""

Thumbnails = Mapping[tuple[str, str], list[bytes]]


def write_page(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    thumbnails: Thumbnails,
    published: Mapping[str, list[bytes]],
    photographs: Sequence[Photograph],
) -> None:
    """Write the page.

    Args:
        path: of the page.
        rows: of the table, with their verdicts.
        thumbnails: by name and quality of the row, in the order of the photographs.
        published: by name of the style, what the published network makes of the photographs with its painting.
        photographs: as they are.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    page = environment.from_string(TEMPLATE).render(
        columns=MEASURES,
        bounds={column: _bound_text(column) for column in MEASURES},
        rows=[dict(row) | _cells(row) for row in rows],
        sections=_sections(rows, thumbnails, published, photographs),
    )
    path.write_text(page, encoding="utf-8")


def _sections(
    rows: Sequence[Mapping[str, Any]],
    thumbnails: Thumbnails,
    published: Mapping[str, list[bytes]],
    photographs: Sequence[Photograph],
) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """A heading each, and under it strips of pictures with their labels: rows of one name stand together."""
    originals = [encode_within(40_000)(photograph.picture) for photograph in photographs]
    sections: dict[str, list[tuple[str, list[str]]]] = {"photographs": [("", _encoded(originals))]}
    for row in rows:
        strip = (row["quality"], _encoded(thumbnails[row["name"], row["quality"]]))
        sections.setdefault(row["name"], []).append(strip)
    for name, pictures in published.items():
        sections.setdefault(name, []).append(("published, 2017", _encoded(pictures)))
    return list(sections.items())


def _encoded(pictures: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(picture).decode() for picture in pictures]


def _cells(row: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Text and mark of each figure."""
    out = {failure.split()[0] for failure in row["failures"]}
    exempt = dict.fromkeys(row["exempt"], "exempt")
    return {
        "marks": {column: "out" if column in out else exempt.get(column, "") for column in MEASURES},
        "texts": {column: _text(column, row[column]) for column in MEASURES},
    }


def _text(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1e3:.2f}" if column.endswith(("_360p", "_720p", "warping_error")) else f"{value:.3f}"


def _bound_text(column: str) -> str:
    smallest, largest = BOUNDS.get(column, (None, None))
    parts = [
        f"≥ {_text(column, smallest)}" if smallest is not None else "",
        f"≤ {_text(column, largest)}" if largest is not None else "",
    ]
    return " ".join(part for part in parts if part)
