"""Run every case, print what came out, and write .chillcast/cases.json; exit code 1 if any is wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.cases.case import missing_cases
from tests.cases.known import CASES


def main() -> int:
    """Run them all."""
    absent = missing_cases()
    if absent:
        print(f"cases: did not run: {absent}")  # noqa: T201
        return 0
    results = []
    for case in CASES:
        said = case.said()
        results.append({"case": case.name, "right": case.is_right(said), "said": said})
        print(f"{'right' if results[-1]['right'] else 'WRONG'}  {case.name:40} {said[:200]}")  # noqa: T201
    Path(".chillcast").mkdir(exist_ok=True)
    Path(".chillcast/cases.json").write_text(
        json.dumps(results, indent=1, ensure_ascii=False), encoding="utf-8"
    )
    wrong = sum(not result["right"] for result in results)
    print(f"{len(results)} cases, {wrong} wrong; .chillcast/cases.json")  # noqa: T201
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
