"""Checks that no folder of the engine uses one that stands above it, or beside it.

usage: check_floors.py FOLDER

The floors of Sources/Lacuna, from the ground up. A file may use what its own folder declares and what the floors below
declare. The check knows types, and members and functions at the top of a file, by their names; a name that two files declare
says nothing. docs/ARCHITECTURE.md describes the floors.
"""

import collections
import pathlib
import re
import sys

FLOORS = [
    {"Table"},
    {"Connecting", "Scanning"},
    {"Schema"},
    {"Tracking", "Loading"},
    {"Journal", "Survey"},
    {"Running"},
    {"Verifying"},
]

MODIFIERS = r"(?:(?:public|package|internal|final|indirect|nonisolated|static|mutating|@\w+(?:\([^)]*\))?)\s+)*"
TOP = re.compile(rf"^{MODIFIERS}(?:struct|class|enum|protocol|actor|typealias|func|let|var)\s+(\w+)", re.M)
EXTENSION = re.compile(rf"^{MODIFIERS}extension\s+([\w.]+)[^{{]*{{\n(.*?)^}}", re.M | re.S)
MEMBER = re.compile(rf"^    {MODIFIERS}(?:func|let|var)\s+(\w+)", re.M)
INTERPOLATION = re.compile(r"\\\(([^()]*(?:\([^()]*\)[^()]*)*)\)")


def code(text):
    """The text without comments, and of strings only what is put into them."""
    inside = lambda match: " ".join(INTERPOLATION.findall(match.group(0)))
    text = re.sub(r'"""(.*?)"""', inside, text, flags=re.S)
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', inside, text)


def main(root):
    files = {path.relative_to(root): code(path.read_text()) for path in sorted(root.rglob("*.swift"))}
    floors = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}
    owners = collections.defaultdict(set)
    members = collections.defaultdict(set)
    for path, text in files.items():
        for name in TOP.findall(text):
            owners[name].add(path)
    for path, text in files.items():
        for extended, body in EXTENSION.findall(text):
            if path not in owners.get(extended.split(".")[0], ()):
                for name in MEMBER.findall(body):
                    members[name].add(path)
    every = "\n".join(files.values())
    problems = []
    for path, text in files.items():
        folder = path.parent.as_posix()
        if folder == ".":
            continue
        if folder not in floors:
            problems.append(f"{root}/{path}: the folder {folder} has no floor; name it in {__file__}")
            continue
        words = set(re.findall(r"\b[A-Za-z_]\w*\b", text))
        used = {name: owners[name] for name in words if name in owners}
        for name in words & members.keys():
            declared = len(re.findall(rf"\b(?:func|let|var|case)\s+{name}\b", every))
            if declared == len(members[name]) == 1 and re.search(rf"[.\s(!]{name}\b", text):
                used[name] = members[name]
        for name, places in sorted(used.items()):
            if len(places) != 1 or path in places:
                continue
            other = next(iter(places)).parent.as_posix()
            if other in (folder, ".") or other not in floors:
                continue
            if floors[other] >= floors[folder]:
                where = "above" if floors[other] > floors[folder] else "beside"
                problems.append(f"{root}/{path}: uses {name} of {other}, which stands {where} {folder}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
