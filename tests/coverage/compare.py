#!/usr/bin/env python3
"""Compares the lines of src that no test has reached with tests/coverage/unreached.txt.

    compare.py LCOV [write]

LCOV is what llvm-cov exports. Prints each range of lines that was not reached, and fails when one is
not in the list, or when a line of the list is no longer in src. "write" writes the list anew: what is
gone goes, and what is new comes at its end, where it waits for a reason.

A line is known by its file, its function and its text, so that the list holds while lines move. Lines
without a letter or digit, and those of tests, do not count.
"""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LIST = ROOT / "tests/coverage/unreached.txt"
NO_REASON = "No reason yet."

FUNCTION = re.compile(r"( *)(?:pub(?:\([^)]*\))? )?(?:(?:const|unsafe|async|extern \"C\") )*fn (\w+)")
IMPLEMENTATION = re.compile(r"( *)(?:unsafe )?impl\b(?:<[^{]*?>)? (?:.* for )?&?(?:\w+::)*(\w+)")

Place = collections.namedtuple("Place", "file function text")


def reached_lines(lcov):
    """Of each file below src, each line with code and how often it ran."""
    files, here = {}, None
    for line in lcov.read_text().splitlines():
        if line.startswith("SF:"):
            path = pathlib.Path(line[3:])
            here = files.setdefault(str(path.relative_to(ROOT)), {}) if path.is_relative_to(ROOT / "src") else {}
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            here[int(number)] = here.get(int(number), 0) + int(count)
    return files


def begin_of_tests(lines):
    """The number of the line where the tests of a file begin."""
    for number, (line, following) in enumerate(zip(lines, lines[1:]), 1):
        if re.match(r"#\[cfg\((all\()?test\b", line) and following.startswith("mod ") and following.endswith("{"):
            return number
    return len(lines) + 1


def files_of_tests():
    """Files that are nothing but tests."""
    found = set()
    for path in (ROOT / "src").rglob("*.rs"):
        folder = path.parent if path.name in ("mod.rs", "lib.rs") else path.with_suffix("")
        for name in re.findall(r"#\[cfg\(test\)\]\nmod (\w+);", path.read_text()):
            found.add(str((folder / f"{name}.rs").relative_to(ROOT)))
    return found


def functions(lines):
    """The name of the function that each line is in, as Type::function or function, or "-"."""
    names, open_ones, kind = [], [], ("", -1)
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip():
            # What stands further left, or as far and is another beginning, has ended what was open.
            if implementation := IMPLEMENTATION.match(line):
                kind, open_ones = (implementation[2] + "::", indent), []
            elif indent <= kind[1] and not line.strip().startswith(("}", "where", "//", "{")):
                kind = ("", -1)
            if function := FUNCTION.match(line):
                open_ones = [one for one in open_ones if one[0] < indent] + [(indent, kind[0] + function[2])]
            else:
                open_ones = [one for one in open_ones if one[0] <= indent]
        names.append(open_ones[-1][1] if open_ones else "-")
    return names


def look(lcov):
    """All places of src, how many lines of code there are, and those that were not reached."""
    files, tests = reached_lines(lcov), files_of_tests()
    there, unreached, code = collections.Counter(), [], 0
    for path in sorted((ROOT / "src").rglob("*.rs")):
        file = str(path.relative_to(ROOT))
        lines = path.read_text().splitlines()
        end = 0 if file in tests else begin_of_tests(lines)
        names = functions(lines)
        for number, line in enumerate(lines, 1):
            place = Place(file, names[number - 1], line.strip())
            there[place] += 1
            count = files.get(file, {}).get(number)
            if count is None or number >= end or not re.search(r"\w", line):
                continue
            code += 1
            if count == 0:
                unreached.append((number, place))
    return there, code, unreached


def read_list():
    """The reasons, each with its places, in their order."""
    reasons, head, file, function = {}, [], "", ""
    for number, line in enumerate(LIST.read_text().splitlines() if LIST.exists() else [], 1):
        if line.startswith("#") and not reasons:
            head.append(line)
        elif line.startswith("== "):
            here = reasons.setdefault(line[3:].strip(), [])
        elif line.startswith("    ") and reasons:
            here.append(Place(file, function, line.strip()))
        elif line.strip():
            words = line.split()
            if len(words) != 2 or not reasons:
                sys.exit(f"{LIST.relative_to(ROOT)}:{number}: not a reason, a function or a line: {line}")
            file, function = words
    return head, reasons


def write_list(head, reasons):
    text = "\n".join(head) + "\n"
    for reason, places in reasons.items():
        if not places:
            continue
        text += f"\n== {reason}\n"
        before = None
        for place in places:
            if before != (place.file, place.function):
                text += f"\n{place.file} {place.function}\n"
            before = (place.file, place.function)
            text += f"    {place.text}\n"
    LIST.write_text(text)


def main(lcov, write=False):
    there, code, unreached = look(lcov)
    head, reasons = read_list()
    listed = collections.Counter(place for places in reasons.values() for place in places)
    gone = listed - there
    why = collections.defaultdict(list)
    for reason, places in reasons.items():
        for place in places:
            why[place].append(reason)

    left, fresh = listed.copy(), []
    before = None
    for number, place in unreached:
        if before != (place.file, place.function):
            print(f"{place.file}: {place.function}")
        before = (place.file, place.function)
        known = left[place] > 0
        left[place] -= known
        if not known:
            fresh.append((number, place))
        print(f"  {number:5} {' ' if known else '!'} {place.text}")
    met = sum((left - gone).values())
    print(f"coverage: {code} lines of code in src, {len(unreached)} not reached, {len(listed)} listed")
    print(f"coverage: {met} lines of the list were reached this time")

    if write:
        for places in reasons.values():
            for place in gone:
                for _ in range(min(gone[place], places.count(place))):
                    places.remove(place)
        reasons.setdefault(NO_REASON, []).extend(place for _, place in fresh)
        write_list(head, reasons)
        return 0
    for number, place in fresh:
        print(f"{place.file}:{number}: no test reaches it, and no reason is listed: {place.text}", file=sys.stderr)
    for place in gone:
        print(f"{LIST.relative_to(ROOT)}: no longer in {place.file}, {place.function}: {place.text}", file=sys.stderr)
    for place in reasons.get(NO_REASON, []):
        print(f"{LIST.relative_to(ROOT)}: still without a reason: {place.text}", file=sys.stderr)
    return 1 if fresh or gone or reasons.get(NO_REASON) else 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["write"]):
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1]), write=len(sys.argv) == 3))
