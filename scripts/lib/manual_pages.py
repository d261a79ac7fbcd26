"""Writes a manual page for a command and for each of its subcommands.

usage: manual_pages.py DIRECTORY VERSION DATE < DUMP

DUMP is what the command prints for --experimental-dump-help.
"""

import json
import re
import sys


def escaped(text):
    """Text as roff takes it: no request, no escape."""
    for plain, name in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"), ("~", "\\(ti")):
        text = text.replace(plain, name)
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def paragraphs(text):
    """The roff of a discussion: paragraphs, and indented lines as they are."""
    lines = []
    is_verbatim = False
    for line in text.strip().splitlines():
        if line.startswith("  ") != is_verbatim and line:
            is_verbatim = not is_verbatim
            lines += [".PP", ".RS 4", ".nf"] if is_verbatim else [".fi", ".RE", ".PP"]
        if not line:
            lines.append(".PP")
        else:
            lines.append(escaped(line.strip() if is_verbatim else line))
    if is_verbatim:
        lines += [".fi", ".RE"]
    # A paragraph begins once.
    return [line for place, line in enumerate(lines) if line != ".PP" or lines[place - 1 : place] != [".PP"]]


def spelled(name):
    dashes = "--" if name["kind"] == "long" else "-"
    return f"\\fB{escaped(dashes + name['name'])}\\fR"


def term(argument):
    """How an argument is written."""
    value = f"\\fI{escaped(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return value
    # The short form stands first.
    names = sorted(argument["names"], key=lambda name: name["kind"] == "long")
    text = ", ".join(spelled(name) for name in names)
    return f"{text} {value}" if argument["kind"] == "option" else text


def described(argument):
    text = argument.get("abstract", "")
    default = argument.get("defaultValue", "")
    if default and "efault" not in text:
        text = f"{text} Default: {default}."
    return ([escaped(text)] if text else []) + paragraphs(argument.get("discussion", ""))


def shown(items):
    return [item for item in items or [] if item.get("shouldDisplay", True)]


def subcommands(command):
    return [item for item in shown(command.get("subcommands")) if item["commandName"] != "help"]


def synopsis(command, words):
    parts = [f"\\fB{escaped(' '.join(words))}\\fR", "[\\fIoptions\\fR]"]
    for argument in shown(command.get("arguments")):
        if argument["kind"] != "positional":
            continue
        text = term(argument) + (" ..." if argument["isRepeating"] else "")
        parts.append(f"[{text}]" if argument["isOptional"] else text)
    if subcommands(command):
        parts = [parts[0], "\\fIsubcommand\\fR", "[\\fIoptions\\fR]", "[\\fIarguments\\fR]"]
    return " ".join(parts)


def page(command, words, version, date, others):
    name = "-".join(words)
    abstract = command["abstract"].rstrip(".")
    lines = [
        f'.TH "{escaped(name.upper())}" 1 "{date}" "{words[0]} {version}" "{words[0].capitalize()}"',
        # Words of the command line are not divided.
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(abstract[:1].lower() + abstract[1:])}",
        ".SH SYNOPSIS",
        synopsis(command, words),
    ]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION", *paragraphs(command["discussion"])]
    if subcommands(command):
        lines.append(".SH SUBCOMMANDS")
        for item in subcommands(command):
            page_name = escaped("-".join([*words, item["commandName"]]))
            lines += [".TP", f"\\fB{page_name}\\fR(1)", escaped(item["abstract"])]
    arguments = shown(command.get("arguments"))
    for title, wanted in (("ARGUMENTS", True), ("OPTIONS", False)):
        chosen = [item for item in arguments if (item["kind"] == "positional") == wanted]
        if chosen:
            lines.append(f".SH {title}")
        for item in chosen:
            lines += [".TP", term(item), *described(item)]
    lines += [".SH SEE ALSO", ",\n".join(f"\\fB{escaped(other)}\\fR(1)" for other in others if other != name)]
    return "\n".join(lines) + "\n"


def main():
    directory, version, date = sys.argv[1:]
    command = json.load(sys.stdin)["command"]
    pages = [(command, [command["commandName"]])]
    pages += [(item, [command["commandName"], item["commandName"]]) for item in subcommands(command)]
    names = ["-".join(words) for _, words in pages]
    for item, words in pages:
        with open(f"{directory}/{'-'.join(words)}.1", "w", encoding="utf-8") as file:
            file.write(page(item, words, version, date, names))


main()
