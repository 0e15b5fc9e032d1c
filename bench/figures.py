#!/usr/bin/env python3
"""Draws docs/curve.svg and docs/scaling.svg from the tables of docs/benchmarks.md, in the look of the program's own figures.

    figures.py            writes both
    figures.py --check    fails where a picture is not what the tables say (a test)

Only the standard library. Colours, dashes and fonts are those of matlora/report/curves.css.
"""

import html
import math
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
HEIGHT, LEFT, TOP, BOTTOM = 316, 56, 44, 264
LETTER = 7  # about one letter


class Curve:
    def __init__(self, name, points, index=0):
        self.name, self.points, self.index = name, sorted(points), index  # (x, y, error)


class Panel:
    """Curves over x on a log2 axis; `base` is a dashed line, `bottom` the least value of the axis or None."""

    def __init__(self, title, unit, x_title, curves, base=None, bottom=None, decimals=3, width=470):
        self.title, self.unit, self.x_title, self.curves = title, unit, x_title, curves
        self.base, self.bottom, self.decimals, self.width = base, bottom, decimals, width


def text(x, y, content, style="", anchor="start"):
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(content)}</text>\n'


def line(x1, y1, x2, y2, style):
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>\n'


def number(value, decimals):
    return f"{value:,.{decimals}f}"


def spread(wanted, gap, low, high):
    """Positions near the wanted ones, `gap` apart, within low..high."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    result = list(wanted)
    for place, i in enumerate(order):
        result[i] = max(result[i], low if place == 0 else result[order[place - 1]] + gap)
    for place in range(len(order) - 1, -1, -1):
        most = high if place == len(order) - 1 else result[order[place + 1]] - gap
        result[order[place]] = min(result[order[place]], most)
    return result


class Plot:
    """One panel's axes."""

    def __init__(self, panel):
        self.panel = panel
        self.named = len(panel.curves) > 1
        names = [curve.name for curve in panel.curves] if self.named else []
        names += [f"base {panel.base:.{panel.decimals}f}"] if panel.base is not None else []
        self.right = panel.width - 8 - (10 + LETTER * max(map(len, names)) if names else 0)
        points = [point for curve in panel.curves for point in curve.points]
        self.xs = sorted({x for x, _, _ in points})
        values = [y + sign * error for _, y, error in points for sign in (-1, 1)] + ([] if panel.base is None else [panel.base])
        low, high = min(values), max(values)
        space = 0.12 * (high - low)
        self.low, self.high = (low - space if panel.bottom is None else panel.bottom), high + space

    def x(self, value):
        low, high = math.log2(self.xs[0]), math.log2(self.xs[-1])
        return LEFT + 14 + (math.log2(value) - low) / (high - low) * (self.right - LEFT - 28)

    def y(self, value):
        return BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP)

    def axes(self):
        panel = self.panel
        svg = f'<text class="strong panel" x="{LEFT}" y="{TOP - 20}">{html.escape(panel.title)}'
        svg += f'<tspan class="unit"> {html.escape(panel.unit)}</tspan></text>\n'
        raw = (self.high - self.low) / 5
        power = 10 ** math.floor(math.log10(raw))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
        for i in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1):
            svg += line(LEFT, self.y(i * step), self.right, self.y(i * step), "grid")
            svg += text(LEFT - 8, self.y(i * step) + 4, number(i * step, max(0, -math.floor(math.log10(step)))), anchor="end")
        svg += line(LEFT, BOTTOM, self.right, BOTTOM, "grid")
        for x in self.xs:
            svg += line(self.x(x), BOTTOM, self.x(x), BOTTOM + 4, "grid") + text(self.x(x), BOTTOM + 18, number(x, 0), anchor="middle")
        svg += text((LEFT + self.right) / 2, BOTTOM + 38, panel.x_title + " (log scale)", anchor="middle")
        return svg

    def curve(self, curve, aside):
        style = f"c{curve.index}"
        places = [(self.x(x) + aside, y, error) for x, y, error in curve.points]
        corners = " ".join(f"{x:.1f},{self.y(y):.1f}" for x, y, _ in places)
        svg = f'<polyline class="line dash {style}" points="{corners}"/>\n'
        for x, y, error in places:
            if error > 0:
                low, high = self.y(y - error), self.y(y + error)
                svg += f'<path class="error line {style}" d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 3.5:.1f} {low:.1f}h7M{x - 3.5:.1f} {high:.1f}h7"/>\n'
        for (x, y, error), (value, _, _) in zip(places, curve.points):
            said = number(y, self.panel.decimals) + (f" ± {error:.{self.panel.decimals}f}" if error > 0 else "")
            svg += f'<circle class="{style}" cx="{x:.1f}" cy="{self.y(y):.1f}" r="4.5"><title>{html.escape(curve.name)}, {number(value, 0)}: {said}</title></circle>\n'
        return svg

    def numbers(self, curve):
        """Above a point that is higher than the line between its neighbours, below else."""
        svg = ""
        for i, (x, y, _) in enumerate(curve.points):
            near = [curve.points[j][1] for j in (i - 1, i + 1) if 0 <= j < len(curve.points)]
            above = y >= sum(near) / len(near)
            svg += text(self.x(x), self.y(y) + (-10 if above else 20), number(y, self.panel.decimals), "strong value", "middle")
        return svg

    def draw(self):
        panel = self.panel
        svg = self.axes()
        if panel.base is not None:
            svg += line(LEFT, self.y(panel.base), self.right, self.y(panel.base), "base")
        for place, curve in enumerate(panel.curves):
            svg += self.curve(curve, (place - (len(panel.curves) - 1) / 2) * 4)
        ends = [(curve.name, f"c{curve.index}", self.y(curve.points[-1][1])) for curve in panel.curves] if self.named else []
        ends += [(f"base {panel.base:.{panel.decimals}f}", "", self.y(panel.base))] if panel.base is not None else []
        for (name, style, _), y in zip(ends, spread([end[2] for end in ends], 16, TOP, BOTTOM + 8)):
            svg += text(self.right + 6, y + 4, name, style)
        return svg + ("" if self.named else self.numbers(panel.curves[0]))


def figure(title, note, panels, columns):
    panel_width, top = panels[0].width, 70
    width = panel_width * columns
    rows = -(-len(panels) // columns)
    height = top + rows * (HEIGHT + 14)
    svg = text(LEFT, 32, title, "strong title") + text(LEFT, 54, note)
    for i, panel in enumerate(panels):
        svg += f'<g transform="translate({panel_width * (i % columns)} {top + i // columns * (HEIGHT + 14)})">\n{Plot(panel).draw()}</g>\n'
    style = (ROOT / "matlora/report/curves.css").read_text(encoding="utf-8")
    return (f'<svg class="plot" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">\n'
            f'<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n<rect class="page" width="100%" height="100%" rx="8"/>\n{svg}</svg>\n')


def tables(markdown):
    """[(head, rows)] of every table."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", markdown, re.M):
        cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in block.strip().split("\n")]
        found.append((cells[0], [row for row in cells[2:]]))
    return found


def measured(cell):
    """(value, error) of "0.977 ± 0.004"."""
    value, _, error = cell.replace(",", "").partition(" ± ")
    return float(value), float(error or 0)


# Columns of the study's tables that are drawn: their names in the picture.
DRAWN = {"LoRA for this rank alone": "LoRA, one run for each rank", "nested, the default": "matlora, one run", "LoRA of rank 16, renested": "LoRA, re-nested",
         "LoRA of rank 16, paper": "LoRA, cut", "DyLoRA": "DyLoRA", "Matryoshka, the paper's gate": "Matryoshka (paper)"}


def rank_panels(found):
    """Loss and token accuracy of the study: the tables of ranks that have a LoRA for each."""
    loss, accuracy = [(head, rows) for head, rows in found if head[0] == "rank" and next(iter(DRAWN)) in head]
    panels = []
    for (head, rows), title, unit, decimals in ((loss, "Loss", "nats per label token", 3), (accuracy, "Token accuracy", "", 4)):
        ranks = [row for row in rows if row[0].isdigit()]
        curves = [Curve(name, [(int(row[0]), *measured(row[head.index(column)])) for row in ranks], place)
                  for place, (column, name) in enumerate(DRAWN.items()) if column in head]
        panels.append(Panel(title, unit, "rank", curves, decimals=decimals, width=560))
    return panels


def curve_svg(found):
    return figure("One run of matlora's default, and a LoRA trained for each rank alone",
                  "SmolLM2-135M, 256 GSM8K problems, 32 steps. Bars: standard error of the mean over seeds. The base model: 1.595, 0.6506.",
                  rank_panels(found), 2)


def scaling_panels(series):
    """series: {x axis: {x: (tokens/s, peak MiB)}}"""
    names = {"length": "tokens of the sequence", "rank": "rank", "batch": "examples of a batch"}
    panels = []
    for title, unit, place, factor, decimals in (("Speed", "tokens/s", 0, 1, 0), ("Peak memory", "GiB", 1, 1 / 1024, 2)):
        for name, x_title in names.items():
            points = [(float(x), figures[place] * factor, 0) for x, figures in series[name].items()]
            panels.append(Panel(title, unit, x_title, [Curve(title, points)], bottom=0, decimals=decimals))
    return panels


def scaling_svg(series):
    return figure("Memory grows with a sequence's length and with the rank, little with the batch",
                  "One optimizer step of SmolLM2-135M in float32 on two cores, rank 32 where nothing else is said.", scaling_panels(series), 3)


def scaling_tables(found):
    series = {}
    for name, head in (("length", "tokens of the one sequence"), ("rank", "rank (batch 8)"), ("batch", "batch")):
        columns, (speeds, peaks) = next((one, rows) for one, rows in found if one[0] == head)
        series[name] = {x.replace(",", ""): (measured(speed)[0], measured(peak)[0]) for x, speed, peak in zip(columns[1:], speeds[1:], peaks[1:])}
    return series


def main():
    found = tables((ROOT / "docs/benchmarks.md").read_text(encoding="utf-8"))
    failed = False
    for name, svg in (("curve.svg", curve_svg(found)), ("scaling.svg", scaling_svg(scaling_tables(found)))):
        path = ROOT / "docs" / name
        if "--check" not in sys.argv[1:]:
            path.write_text(svg, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != svg:
            print(f"docs/{name} is not what docs/benchmarks.md says: run bench/figures.py", file=sys.stderr)
            failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
