"""Plots as inline SVG: paired bars, lines over a scale, dots. Colours are the page's CSS classes."""

import math
from html import escape

SIDES = ("cairn", "etcd")
WIDTH, LABEL, VALUE = 640, 10, 130


def number(value):
    """Short enough for a label: three digits that count."""
    if value == 0:
        return "0"
    for size, suffix in ((1e6, " M"), (1e3, " k")):
        if abs(value) >= size * 10:
            return f"{value / size:,.0f}{suffix}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">{escape(str(words))}</text>'


def svg(height, title, parts):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"><title>{escape(title)}</title>'
            f'{"".join(parts)}</svg>')


def bars(title, items):
    """items: (label, unit, {side: value}, goal or None), each pair on its own scale; a goal is a line across it."""
    row, parts, y = 56, [], 0
    room = WIDTH - LABEL - VALUE
    for label, unit, values, goal in items:
        top = max([value for value in values.values() if value] + [goal or 0, 1e-12])
        parts.append(text(0, y + 14, label, "name"))
        for i, side in enumerate(SIDES):
            if values.get(side) is None:
                continue
            length = max(1.5, room * values[side] / top)
            at = y + 20 + i * 15
            parts.append(f'<rect x="{LABEL}" y="{at}" width="{length:.1f}" height="12" rx="2" class="{side}"/>')
            parts.append(text(LABEL + length + 6, at + 10, f"{number(values[side])} {unit}", "value"))
        if goal:
            x = LABEL + room * goal / top
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y + 17}" y2="{y + 50}" class="goal"/>')
        y += row
    return svg(max(y, row), title, parts)


def ticks(low, high):
    """Powers of ten that enclose these."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


class Scale:
    """Logarithmic, from the bottom of the plot to its top."""

    def __init__(self, values, height=200, top=12):
        values = [max(value, 1e-6) for value in values if value is not None] or [1]
        self.ticks, self.height, self.top = ticks(min(values), max(values)), height, top
        self.low, self.high = math.log10(self.ticks[0]), math.log10(self.ticks[-1])

    def __call__(self, value):
        share = (math.log10(max(value, 10 ** self.low)) - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - share)

    def grid(self, left, unit):
        for tick in self.ticks:
            y = self(tick)
            yield f'<line x1="{left}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            yield text(left - 6, y + 4, f"{tick:g} {unit}", "axis", "end")


def lines(title, names, series, unit):
    """series: {side: [value or None for each name]}, on a logarithmic scale."""
    left = 80
    scale = Scale([value for values in series.values() for value in values])
    step = (WIDTH - left - 40) / max(1, len(names) - 1)
    parts = list(scale.grid(left, unit))
    for i, name in enumerate(names):
        parts.append(text(left + 10 + i * step, scale.top + scale.height + 18, name, "axis", "middle"))
    for side, values in series.items():
        points = [(left + 10 + i * step, scale(value), value) for i, value in enumerate(values) if value is not None]
        parts.append(f'<polyline class="{side}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)}"/>')
        for x, y, value in points:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" class="{side}"><title>{side}: {number(value)} {unit}</title></circle>')
    return svg(scale.top + scale.height + 26, title, parts)


def dots(title, series, unit, goal=None):
    """series: {side: [values]}, a dot each in the order in which they came, on a logarithmic scale."""
    left = 80
    scale = Scale([value for values in series.values() for value in values] + ([goal] if goal else []))
    parts = list(scale.grid(left, unit))
    for side, values in series.items():
        step = (WIDTH - left - 40) / max(1, len(values))
        for i, value in enumerate(values):
            parts.append(f'<circle cx="{left + 14 + (i + 0.5) * step:.1f}" cy="{scale(value):.1f}" r="4" class="{side}">'
                         f'<title>{side}, {i + 1}: {number(value)} {unit}</title></circle>')
    if goal:
        y = scale(goal)
        parts.append(f'<line x1="{left}" x2="{WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}" class="goal"/>')
    return svg(scale.top + scale.height + 12, title, parts)
