#!/usr/bin/env python3
"""Pictures of what `ringbolt-bench --json` wrote: one HTML file that needs nothing else, and each picture as SVG.

Usage: pictures.py RESULTS.json OUT.html [SVG-DIRECTORY]
"""
import html
import json
import math
import sys
from pathlib import Path

WIDTH, LEFT, TOP, PLOT = 760, 76, 48, 300
COLOURS = ["#0b5fa5", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#be185d", "#0f766e", "#4b5563", "#dc2626", "#65a30d", "#0891b2", "#831843"]


def three_digits(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def read(path):
    lines = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return [line for line in lines if "value" in line], [line for line in lines if line["mode"] == "warning"]


def number(value):
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    if value >= 1e3:
        return f"{value / 1e3:g}k"
    return f"{value:g}"


class Scale:
    """From values to pixels, by powers of ten or evenly."""

    def __init__(self, values, begin, end, log):
        low, high = min(values), max(values)
        self.log, self.begin, self.end = log, begin, end
        if log:
            self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            self.high += self.high == self.low
            self.ticks = [10.0**power for power in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(high or 1))
            step = step / 5 if high / step < 2 else step / 2 if high / step < 5 else step
            self.low, self.high = 0, step * math.ceil(high / step)
            self.ticks = [step * i for i in range(round(self.high / step) + 1)]

    def __call__(self, value):
        at = math.log10(max(value, 10.0**self.low)) if self.log else value
        return self.begin + (self.end - self.begin) * (at - self.low) / (self.high - self.low)


def text(x, y, words, anchor="middle", size=12, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {extra}>{html.escape(str(words))}</text>'


def svg(title, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="sans-serif">'
            f'<title>{html.escape(title)}</title><rect width="100%" height="100%" fill="white"/>'
            + text(LEFT, 24, title, "start", 15, 'font-weight="bold"') + "".join(parts) + "</svg>")


def lines(title, series, x_title, y_title, x_names=None, log_y=True):
    """`series`: name -> [(x, y)]. With `x_names` the x are places 0, 1, … called so."""
    right, bottom = WIDTH - 20, TOP + PLOT
    points = [point for line in series.values() for point in line]
    ys = Scale([y for _, y in points], bottom, TOP, log_y)
    if x_names:
        xs = lambda place: LEFT + (right - LEFT) * place / max(len(x_names) - 1, 1)
        ticks = [(xs(place), name) for place, name in enumerate(x_names)]
    else:
        scale = xs = Scale([x for x, _ in points], LEFT, right, True)
        ticks = [(scale(tick), number(tick)) for tick in scale.ticks]
    parts = []
    for tick in ys.ticks:
        parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{ys(tick):.1f}" y2="{ys(tick):.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, ys(tick) + 4, number(tick), "end"))
    for x, name in ticks:
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}" stroke="#eee"/>' + text(x, bottom + 18, name))
    parts.append(text((LEFT + right) / 2, bottom + 38, x_title))
    parts.append(text(18, TOP + PLOT / 2, y_title, extra=f'transform="rotate(-90 18 {TOP + PLOT / 2})"'))
    for place, (name, line) in enumerate(series.items()):
        colour, width = COLOURS[place % len(COLOURS)], 3 if name.startswith("ringbolt") else 1.6
        path = " ".join(f"{xs(x):.1f},{ys(y):.1f}" for x, y in line)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        parts += [f'<circle cx="{xs(x):.1f}" cy="{ys(y):.1f}" r="3" fill="{colour}"/>' for x, y in line]
        at_x, at_y = LEFT + 232 * (place % 3), bottom + 64 + 20 * (place // 3)
        parts.append(f'<rect x="{at_x}" y="{at_y - 9}" width="16" height="5" fill="{colour}"/>' + text(at_x + 22, at_y, name, "start"))
    return svg(title, bottom + 64 + 20 * (-(-len(series) // 3)), parts)


def bars(title, rows, unit):
    """`rows`: (name, median, p10, p90), drawn on an axis of powers of ten with the spread as a whisker."""
    left, right = 240, WIDTH - 90
    scale = Scale([value for _, *values in rows for value in values], left, right, True)
    bottom = TOP + 24 * len(rows)
    parts = [f'<line x1="{scale(tick):.1f}" x2="{scale(tick):.1f}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>'
             + text(scale(tick), bottom + 18, number(tick)) for tick in scale.ticks]
    for place, (name, median, low, high) in enumerate(rows):
        y = TOP + 24 * place + 4
        colour = COLOURS[0] if name.startswith("ringbolt") else "#9ca3af"
        parts.append(f'<rect x="{left}" y="{y}" width="{max(scale(median) - left, 1):.1f}" height="16" fill="{colour}"/>')
        parts.append(f'<line x1="{scale(low):.1f}" x2="{scale(high):.1f}" y1="{y + 8}" y2="{y + 8}" stroke="black"/>')
        parts.append(text(left - 8, y + 13, name, "end") + text(max(scale(median), scale(high)) + 6, y + 13, three_digits(median), "start"))
    parts.append(text((left + right) / 2, bottom + 38, unit))
    return svg(title, bottom + 50, parts)


def of_mode(rows, mode, **wanted):
    return [row for row in rows if row["mode"] == mode and all(row["parameters"].get(k) == v for k, v in wanted.items())]


def by_contender(rows, point):
    series = {}
    for row in rows:
        series.setdefault(row["contender"], []).append(point(row))
    return {name: sorted(line) for name, line in series.items()}


def ratio_bars(title, rows, unit):
    rows = sorted((row for row in rows if "ratio" in row), key=lambda row: row["ratio"]["median"])
    return bars(title, [(row["contender"], *(row["ratio"][k] for k in ("median", "p10", "p90"))) for row in rows], unit)


PERCENTILES = ["p50", "p90", "p99", "p99.9", "p99.99", "max"]


def pictures(rows):
    """(file name, SVG), for as many as the results have something for."""
    if latency := of_mode(rows, "latency", payload=64) or of_mode(rows, "latency", payload=32):
        payload = latency[0]["parameters"]["payload"]
        yield "latency", ratio_bars(f"Round trip, {payload} bytes, p50 / bare round trip (lower is better)", latency,
                                    "times a ping-pong over two bare cache lines")
    rate = 100_000
    if oneway := of_mode(rows, "oneway", rate=rate):
        series = {row["contender"]: [(i, row["more"][name]) for i, name in enumerate(PERCENTILES)] for row in oneway}
        yield "oneway", lines(f"One way at {number(rate)} events/s, from when due, 64 bytes", series, "percentile of all slices together",
                              "nanoseconds", PERCENTILES)
    if oneway := [row for row in of_mode(rows, "oneway") if row["parameters"]["rate"] and row["contender"].startswith("ringbolt")]:
        series = {f"ringbolt {name}": sorted((row["parameters"]["rate"], row["more"][name]) for row in oneway) for name in PERCENTILES}
        yield "rates", lines("One way by rate, 64 bytes, Ringbolt", series, "events a second by schedule", "nanoseconds")
    if wake := of_mode(rows, "wake"):
        wake.sort(key=lambda row: row["value"]["median"])
        yield "wake", bars("Wake-up of a sleeper, p50 (lower is better)",
                           [(row["contender"], *(row["value"][k] / 1e3 for k in ("median", "p10", "p90"))) for row in wake], "microseconds")
    capacity = 1 << 20
    if throughput := of_mode(rows, "throughput", capacity=capacity, consumers=1):
        series = by_contender(throughput, lambda row: (row["parameters"]["payload"], row["value"]["median"]))
        yield "throughput", lines("Throughput one to one, ring of 1 MiB (higher is better)", series, "payload bytes", "million events a second")
    if fan := of_mode(rows, "throughput", consumers=3):
        fan.sort(key=lambda row: -row["value"]["median"])
        yield "fanout", bars("Throughput one to three, 64 bytes (higher is better)",
                             [(row["contender"], *(row["value"][k] for k in ("median", "p10", "p90"))) for row in fan],
                             "million events a second, received by each")
    if consumers := [row for row in of_mode(rows, "consumers") if row["parameters"]["consumers"]]:
        series = by_contender(consumers, lambda row: (row["parameters"]["consumers"], row["value"]["median"]))
        yield "consumers", lines("Publish by number of consumers in one other process", series, "consumers", "nanoseconds a publish")
    if jitter := of_mode(rows, "jitter"):
        series = {row["contender"]: [(i, row["more"][name]) for i, name in enumerate(PERCENTILES)] for row in jitter}
        yield "jitter", lines("A publish beside a consumer that comes to grief", series, "percentile of all slices together", "nanoseconds", PERCENTILES)


def table(rows):
    def cell(of):
        return f"{of['median']:.4g} [{of['p10']:.4g}–{of['p90']:.4g}]"

    yield "<table><tr><th>mode<th>contender<th>parameters<th>value<th>ratio<th>to<th>aim"
    for row in rows:
        parameters = ", ".join(f"{name} {value}" for name, value in row["parameters"].items())
        aim = row.get("aim")
        verdict = ""
        if aim and "ratio" in row:
            met = row["ratio"]["median"] >= aim["ratio"] if aim["at_least"] else row["ratio"]["median"] <= aim["ratio"]
            verdict = f"{'≥' if aim['at_least'] else '≤'} {aim['ratio']:.3g}: {'met' if met else '<b>missed</b>'}"
        cells = [row["mode"], row["contender"], parameters, f"{cell(row['value'])} {row['unit']}",
                 cell(row["ratio"]) if "ratio" in row else "", row.get("reference", "")]
        yield "<tr>" + "".join(f"<td>{html.escape(words)}" for words in cells) + f"<td>{verdict}"
    yield "</table>"


STYLE = ("body{font-family:sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse;font-size:.85em}"
         "td,th{border:1px solid #ccc;padding:.2em .5em;text-align:left}svg{width:100%;margin:1em 0}")


def page(rows, warnings, drawn):
    machine = rows[0]["machine"]
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Ringbolt, measured</title><style>{STYLE}</style>"
    yield "<h1>Ringbolt, measured</h1><h2>Machine</h2><table>"
    yield from (f"<tr><th>{html.escape(name.replace('_', ' '))}<td>{html.escape(str(value))}" for name, value in machine.items())
    yield "</table><p>Only ratios within this run mean something: medians over slices that take turns, with their 10th and 90th percentile.</p>"
    yield from drawn
    yield "<h2>What was wrong with this measurement</h2><ul>"
    yield from (f"<li>{html.escape(warning['sentence'])}" for warning in warnings)
    yield "</ul><h2>All results</h2>"
    yield from table(rows)
    yield "</html>"


def main(results, out, directory=None):
    rows, warnings = read(results)
    if not rows:
        sys.exit(f"{results} has no results; give a file that `ringbolt-bench --json` has written")
    drawn = dict(pictures(rows))
    if not drawn:
        sys.exit(f"{results} has nothing to draw")
    Path(out).write_text("\n".join(page(rows, warnings, drawn.values())) + "\n")
    if directory:
        Path(directory).mkdir(parents=True, exist_ok=True)
        for name, picture in drawn.items():
            (Path(directory) / f"{name}.svg").write_text(picture + "\n")
    print(f"{out}: {len(drawn)} pictures of {len(rows)} results")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
