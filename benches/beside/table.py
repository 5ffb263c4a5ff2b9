"""Markdown tables as the project's other benches print them, and the goals with what was reached."""

import dataclasses


@dataclasses.dataclass
class Goal:
    """A goal of a row and whether the run reached it. `most` says that less is better."""

    work: str
    figure: str
    goal: float
    value: float
    most: bool = False

    @property
    def reached(self):
        return self.value <= self.goal if self.most else self.value >= self.goal

    def cells(self):
        bound = "at most" if self.most else "at least"
        reached = "yes" if self.reached else "**no**"
        return [self.work, self.figure, f"{bound} {number(self.goal)}", number(self.value), reached]


def number(value):
    """A number with as many digits as mean something; `none` where there is no figure."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(titles, rows):
    """A table: the first column to the left, the others to the right."""
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)], *([number(cell) for cell in row] for row in rows)]
    print("\n".join(f"| {' | '.join(line)} |" for line in lines), end="\n\n", flush=True)
