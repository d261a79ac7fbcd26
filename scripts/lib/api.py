"""Prints the public declarations of modules from their symbol graphs: a block for each type, sorted.

usage: api.py DIRECTORY MODULE...
"""

import json
import pathlib
import sys

TYPES = {"swift.struct", "swift.class", "swift.enum", "swift.protocol", "swift.actor"}
# Every type has these, or has them through another that is listed.
IMPLIED = {"Copyable", "Escapable", "SendableMetatype", "Equatable"}


def graphs(directory, modules):
    for path in sorted(pathlib.Path(directory).glob("*.symbols.json")):
        # Module@Extended.symbols.json holds what a module adds to another.
        if path.name.removesuffix(".symbols.json").split("@")[0] in modules:
            yield json.loads(path.read_text(encoding="utf-8"))


def declaration(symbol):
    return " ".join("".join(part["spelling"] for part in symbol["declarationFragments"]).split())


def conformances(found, symbols):
    protocols = {}
    for graph in found:
        for relation in graph["relationships"]:
            if relation["kind"] != "conformsTo":
                continue
            target = symbols.get(relation["target"])
            name = target["names"]["title"] if target else relation.get("targetFallback", relation["target"])
            protocols.setdefault(relation["source"], set()).add(name.split(".")[-1])
    return {source: sorted(names - IMPLIED) for source, names in protocols.items()}


def main(directory, modules):
    found = list(graphs(directory, modules))
    symbols = {symbol["identifier"]["precise"]: symbol for graph in found for symbol in graph["symbols"]}
    protocols = conformances(found, symbols)
    blocks = {}
    for precise, symbol in symbols.items():
        path = symbol["pathComponents"]
        if symbol["kind"]["identifier"] in TYPES:
            kind = declaration(symbol).split(" : ")[0].removesuffix(path[-1])
            head = f"{kind}{'.'.join(path)}"
            if protocols.get(precise):
                head += f": {', '.join(protocols[precise])}"
            blocks.setdefault(".".join(path), ["", set()])[0] = head
        else:
            owner = ".".join(path[:-1])
            blocks.setdefault(owner, ["", set()])[1].add(declaration(symbol))
    for owner, (head, members) in sorted(blocks.items()):
        print(head or f"extension {owner}")
        for member in sorted(members):
            print(f"    {member}")


if __name__ == "__main__":
    main(sys.argv[1], set(sys.argv[2:]))
