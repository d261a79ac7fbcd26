"""Reads pages of Markdown, and runs the commands in them. scripts/check-docs says what is checked.

usage: check_docs.py read|run|write PAGE...
"""

import difflib
import os
import re
import subprocess
import sys
import tempfile
import unicodedata

WORDS_IN_A_SENTENCE = 30
BYTES_IN_README = 10_240
# What has another name in docs/glossary.md.
FORBIDDEN = {
    r"\blanes?\b": "partition",
    r"\bstraight loads?\b": "direct load",
    r"\bstaged loads?\b": "staging load",
}
EXAMPLE = "Tests/LacunaTests/Running/LibraryExampleTests.swift"

problems = []


def complain(page, line, text):
    problems.append(f"{page}:{line}: {text}")


class Block:
    """A fenced block: its language, its attributes, its lines and where it begins."""

    def __init__(self, info, line):
        words = info.split()
        self.language = words[0] if words else ""
        self.attributes = dict(word.split("=", 1) for word in words[1:] if "=" in word)
        self.line = line
        self.lines = []


def parts(page):
    """Yields what a page consists of, in order: blocks, setup comments (text) and lines of prose (number, text)."""
    block = None
    comment = None
    with open(page, encoding="utf-8") as file:
        for number, line in enumerate(file.read().split("\n"), 1):
            if block:
                if line.strip() == fence:
                    yield block
                    block = None
                else:
                    block.lines.append(line.removeprefix(indent))
            elif comment is not None:
                comment += "\n" + line
                if "-->" in line:
                    yield comment
                    comment = None
            elif opening := re.match(r"^( *)(```+)(.*)$", line):
                indent, fence = opening[1], opening[2]
                block = Block(opening[3], number)
            elif line.lstrip().startswith("<!--"):
                if "-->" in line:
                    yield line
                else:
                    comment = line
            else:
                yield number, line
    if block:
        complain(page, block.line, "the block does not end")


def prose(page):
    return [part for part in parts(page) if isinstance(part, tuple)]


# --- Links


def slug(heading):
    """The anchor of a heading, as GitHub makes it."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = (c for c in text if c in " -_" or unicodedata.category(c)[0] in "LN")
    return "".join(kept).replace(" ", "-")


def anchors(page):
    found = {}
    for _, line in prose(page):
        if heading := re.match(r"^#+ +(.*)$", line):
            name = slug(heading[1])
            count = found.get(name, 0)
            found[name] = count + 1
            if count:
                found[f"{name}-{count}"] = 1
    return found


def check_links(page):
    for number, line in prose(page):
        line = re.sub(r"`[^`]*`", "", line)
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"^[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(file):
                complain(page, number, f"the link to {target} leads nowhere")
            elif anchor and file.endswith(".md") and anchor not in anchors(file):
                complain(page, number, f"{file} has no heading {anchor}")


# --- Sentences


def paragraphs(page):
    """Yields pieces of running text with the line that each begins on."""
    text, start = "", 0
    for number, line in prose(page) + [(0, "")]:
        stripped = line.strip()
        begins = re.match(r"^(#+ |[-*+] |\d+\. |> )", stripped)
        if text and (not stripped or begins or stripped.startswith("|")):
            yield start, text
            text = ""
        if stripped.startswith("|"):
            for cell in re.split(r"(?<!\\)\|", stripped):
                if re.search(r"\w", cell):
                    yield number, cell.strip()
        elif stripped:
            if not text:
                start = number
            text += " " + re.sub(r"^(#+ |[-*+] |\d+\. |> )", "", stripped)


def plain(text):
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`+[^`]*`+", "code", text)
    return text.replace("**", "").replace("*", "")


def check_sentences(page):
    for number, text in paragraphs(page):
        text = plain(text)
        for sentence in re.split(r"(?<=[.!?])[)\"”’]?\s+", text):
            words = [word for word in sentence.split() if re.search(r"\w", word)]
            if len(words) > WORDS_IN_A_SENTENCE:
                complain(page, number, f"{len(words)} words in a sentence: {' '.join(words[:8])} …")
        for pattern, better in FORBIDDEN.items():
            if found := re.search(pattern, text, re.IGNORECASE):
                complain(page, number, f"write {better} instead of {found[0]}")


# --- README


def check_readme(page):
    size = os.path.getsize(page)
    if size > BYTES_IN_README:
        complain(page, 1, f"{size} bytes are more than {BYTES_IN_README}")
    blocks = [part for part in parts(page) if isinstance(part, Block) and part.language == "swift"]
    with open(EXAMPLE, encoding="utf-8") as file:
        region = re.search(r"^ *// README begin\n(.*?)^ *// README end$", file.read(), re.MULTILINE | re.DOTALL)
    compiled = region[1].rstrip("\n").split("\n") if region else []
    for block in blocks:
        if block.lines != compiled:
            difference = difflib.unified_diff(compiled, block.lines, EXAMPLE, page, lineterm="")
            complain(page, block.line, "the example is not the one that is compiled\n" + "\n".join(difference))


# --- JSON


def check_fields(page):
    """Every field that a command prints has a row."""
    described = set()
    for _, line in prose(page):
        if line.startswith("| `"):
            described.update(re.findall(r"`(\w+)`", line.split("|")[1]))
    for block in parts(page):
        if isinstance(block, Block) and block.language == "console":
            for name in sorted(set(re.findall(r'"(\w+)" :', "\n".join(block.lines))) - described):
                complain(page, block.line, f"the field {name} is not described")


# --- Commands


def commands(block):
    """The commands of a console block, each with the lines that it prints."""
    found = []
    for line in block.lines:
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], [])
        elif found:
            found[-1][1].append(line)
        elif line:
            raise ValueError("the block begins without a command")
    for _, printed in found:
        while printed and not printed[-1].strip():
            printed.pop()
    return found


def shown(line, directory):
    """A line as the documents show it: with the folders that a reader would have."""
    text = line.rstrip().replace(directory, "/srv/ingest")
    return text.replace(os.path.dirname(os.environ["LACUNA"]), "/usr/local/bin")


def normalized(line, directory):
    """A line with everything made equal that differs from run to run."""
    text = shown(line, directory)
    varied = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+00)?", "INSTANT", text)
    varied = re.sub(r"(?<![\w.])[\d,]+(\.\d+)? (ms|s|min|h)\b", "TIME", varied)
    varied = re.sub(r"PostgreSQL \d+(\.\d+)*", "PostgreSQL VERSION", varied)
    varied = re.sub(r'("seconds" : )[\d.]+(e-?\d+)?', r"\1TIME", varied)
    varied = re.sub(r"(INSTANT.*? )\d+\.\d(?= |$)", r"\1TIME", varied)
    return text if varied == text else re.sub(r" +", " ", varied)


def matches(expected, printed):
    """Whether lines are as expected, in which an ellipsis stands for any."""
    if not expected:
        return not printed
    if expected[0] == "…":
        return any(matches(expected[1:], printed[skip:]) for skip in range(len(printed) + 1))
    if not printed:
        return False
    pattern = ".*".join(re.escape(piece) for piece in expected[0].split("…"))
    return re.fullmatch(pattern, printed[0]) is not None and matches(expected[1:], printed[1:])


def shell(text, directory, environment):
    return subprocess.run(
        ["bash", "-c", text], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300)


def rewrite(page, outputs):
    """Puts what commands printed into a page. `outputs` has the lines of each console block, in order."""
    with open(page, encoding="utf-8") as file:
        text = file.read()
    blocks = iter(outputs)
    text = re.sub(
        r"^```console\n.*?^```$", lambda _: "```console\n" + "\n".join(next(blocks)) + "\n```", text,
        flags=re.MULTILINE | re.DOTALL)
    with open(page, "w", encoding="utf-8") as file:
        file.write(text)


def run_page(page, index, writes):
    contents = [part for part in parts(page) if not isinstance(part, tuple)]
    if not any(part.language == "console" if isinstance(part, Block) else "setup:" in part for part in contents):
        return 0
    database = f"page_{index}"
    subprocess.run(["psql", "-X", "-q", "-c", f"CREATE DATABASE {database}"], check=True)
    environment = {
        **os.environ, "PGDATABASE": database, "PSQLRC": "/dev/null", "NO_COLOR": "1", "ROOT": os.getcwd(),
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/postgres?", f"/{database}?"),
        "PATH": os.path.dirname(os.environ["LACUNA"]) + ":" + os.environ["PATH"],
    }
    environment.pop("LACUNA_CONFIG", None)
    count = 0
    outputs = []
    with tempfile.TemporaryDirectory(prefix="lacuna-page-") as directory:
        directory = os.path.realpath(directory)
        for part in contents:
            if isinstance(part, str):
                setup = re.match(r"^\s*<!-- setup:(.*)-->\s*$", part, re.DOTALL)
                if not setup:
                    continue
                kept = os.path.join(directory, ".environment")
                result = shell(f"set -e\n{setup[1]}\nenv -0 >'{kept}'", directory, environment)
                if result.returncode:
                    complain(page, 1, f"the setup failed:\n{setup[1]}\n{result.stdout}")
                    return count
                with open(kept, encoding="utf-8") as file:
                    environment.update(entry.split("=", 1) for entry in file.read().split("\0") if "=" in entry)
                os.remove(kept)
                continue
            if "file" in part.attributes:
                path = os.path.join(directory, part.attributes["file"])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write("\n".join(part.lines) + "\n")
            if part.language != "console":
                continue
            outputs.append([])
            for command, expected in commands(part):
                result = shell(command, directory, environment)
                count += 1
                printed = result.stdout.rstrip("\n").split("\n") if result.stdout.strip() else []
                wanted = [normalized(line, directory) for line in expected]
                found = [normalized(line, directory) for line in printed]
                if outputs[-1]:
                    outputs[-1].append("")
                outputs[-1] += ["$ " + command.replace("\n", "\n> ")]
                outputs[-1] += expected if matches(wanted, found) else [shown(line, directory) for line in printed]
                if writes:
                    continue
                if result.returncode:
                    complain(page, part.line, f"$ {command}\nended with status {result.returncode}:\n{result.stdout}")
                elif not matches(wanted, found):
                    difference = difflib.unified_diff(wanted, found, "the page", "the program", lineterm="", n=1)
                    complain(page, part.line, f"$ {command}\n" + "\n".join(difference))
    if writes:
        rewrite(page, outputs)
    return count


def main():
    mode, pages = sys.argv[1], sys.argv[2:]
    if mode == "read":
        for page in pages:
            check_links(page)
            check_sentences(page)
            if page == "README.md":
                check_readme(page)
            if page == "docs/json.md":
                check_fields(page)
    else:
        count = sum(run_page(page, index, mode == "write") for index, page in enumerate(pages))
        print(f"check-docs: {count} commands were run")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


main()
