"""``python -m bench [NAME …]``: run the measurements of these names, or all."""

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(chosen: list[str]) -> None:
    if unknown := set(chosen) - set(NAMES):
        sys.exit(f"There is no measurement {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
    for name in chosen or NAMES:
        import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
