# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Finds the sentences of documents, manual pages and comments, for the rules about them.

A comment marks its sentences with little more than line ends and full stops. Each kind of file is
therefore first cut into paragraphs, a list of (line number, text), and those into sentences.
"""

import ast
import re

# Words that leave open who does something, and to whom.
VAGUE = re.compile(r"\b(whoever|of ours|is told|under way|by iSCSI|stands?(?!-))\b", re.I)
# The first words of sentences in which a reader looks for the subject.
BEGINNING = re.compile(r"\b(That|One|Who|What|Of|Which|Whoever)\b(?![-.'])")
# Comments at members and constants that name no thing: "of the door", "that wait".
FRAGMENT = re.compile(r"(of|that|who|whose|whatever|whoever)\b(?![-.'])")
WORDS = 30

ABBREVIATION = re.compile(r"(\b(e\.g|i\.e|etc|cf|vs|No|approx|resp)|\.\.)\.$")
END = re.compile(r"(?<=[.!?])[)\"'*_]*\s+|(?<=:)\s+(?=[A-Z][a-z]* )")
CODE = re.compile(r"``.*?``|`[^`]*`")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def sentences(paragraph):
    """(line number, sentence) of a paragraph, which is [(line number, text), ...]."""
    text, starts = "", []
    for number, line in paragraph:
        starts.append((len(text), number))
        text += line.strip() + " "
    text = LINK.sub(lambda m: f"[{m[1]}]".ljust(len(m[0])), text)
    text = CODE.sub(lambda m: "`" + "_" * (len(m[0]) - 2) + "`", text)
    begin = 0
    for end in [*(m.end() for m in END.finditer(text)), len(text)]:
        sentence = text[begin:end]
        if ABBREVIATION.search(sentence.rstrip()):
            continue
        if sentence.strip(" *_"):
            skipped = begin + len(sentence) - len(sentence.lstrip())
            yield [n for at, n in starts if at <= skipped][-1], sentence.strip()
        begin = end


def words(sentence):
    return len(re.findall(r"[^\s]*\w[^\s]*", sentence))


def grouped(lines, starts_new):
    """Paragraphs of lines: [(number, text or None for a gap)]."""
    group = []
    for number, text in lines:
        if text is None or not text.strip() or starts_new(text):
            if group:
                yield group
            group = []
        if text and text.strip():
            group.append((number, text))
    if group:
        yield group


# A list item, or a row of a table whose columns are aligned.
ITEM = re.compile(r"\s*([-*] |\d+\. |@\w+|\[\d|\S.* {2,}\S)")


def without_item(paragraph):
    number, text = paragraph[0]
    return [(number, re.sub(r"^\s*([-*]|\d+\.) +", "", text)), *paragraph[1:]]


def of_markdown(text):
    lines, fenced = [], False
    raw = text.splitlines()
    for number, line in enumerate(raw, 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
            line = None
        elif fenced or line.startswith(("#", "<")) or re.match(r"\s*\|[ -]*-\|?", line):
            line = None
        elif line.lstrip().startswith("|"):
            if not (number < len(raw) and re.match(r"\s*\| ?-", raw[number])):
                for cell in line.strip().strip("|").split(" | "):
                    lines += [(number, None), (number, cell), (number, None)]
            continue
        lines.append((number, line))
    return (without_item(p) for p in grouped(lines, ITEM.match))


BREAK = re.compile(r"\.(Pp|It|Sh|Ss|Bl|El|Bd|Ed|Dl|D1|Dd|Dt|Os|Nd|In|Ft|Fo|Fc|Bx|Rs|Re)\b")
MACRO = re.compile(r"\b(Ar|Fl|Cm|Nm|Xr|Sx|Pa|Fn|Vt|Dv|Ev|Em|Sy|Li|Ql|Dq|Sq|Pq|Po|Pc|Ns|Ic|Fa|Va|Er|"
                   r"Lk|Ux|Op|Oo|Oc|Bq|Brq|No|Pf|Qq|Sm|St|An|Mt)\b ?")


def of_manual(text):
    """A sentence of a manual page begins a line."""
    lines, literal = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\.Bd.*-(literal|unfilled)|\.Sh SYNOPSIS", line):
            literal = True
        elif re.match(r"\.(Ed|Sh)", line):
            literal = False
        if literal or BREAK.match(line) or line.startswith((".\\\"", "'\\\"")):
            lines.append((number, None))
        else:
            if line.startswith("."):
                line = re.sub(r" ([.,:;!?)]+)$", r"\1", MACRO.sub("", line[1:]))
            lines.append((number, line))
            if line.endswith((".", "?")):
                lines.append((number, None))
    return grouped(lines, lambda text: False)


def of_c(text):
    """Each comment by itself, and lines of // that follow each other."""
    lines, inside = [], False
    for number, line in enumerate(text.splitlines(), 1):
        if not inside:
            slashes = re.match(r"\s*//+ ?(.*)", line)
            if slashes:
                lines.append((number, re.sub(r"</?\w[^>]*>", "", slashes[1])))
                continue
            found = re.search(r"/\*+<?( |$)(.*)", line)
            lines.append((number, None))
            if not found or line[:found.start()].count('"') % 2:
                continue
            inside, line = True, found[2]
        else:
            line = re.sub(r"^\s*\*(?!/) ?", "", line)
        if "*/" in line:
            inside, line = False, line.split("*/")[0]
            lines += [(number, line), (number, None)]
        else:
            lines.append((number, line))
    return (without_item(p) for p in grouped(lines, ITEM.match))


def docstrings(text):
    """{first line: docstring} of a program in Python."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    nodes = [n for n in ast.walk(ast.parse(text)) if isinstance(n, kinds) and ast.get_docstring(n)]
    return {n.body[0].lineno: ast.get_docstring(n) for n in nodes}


def of_script(text, in_python):
    """Comments of scripts, and docstrings of Python."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r"\s*#(?!!) ?(.*)", line)
        lines.append((number, found[1] if found else None))
    if in_python:
        for first, docstring in docstrings(text).items():
            lines.append((first, None))
            lines += enumerate(docstring.splitlines(), first)
            lines.append((first, None))
    return (without_item(p) for p in grouped(lines, ITEM.match))


def of(path, text):
    """(line number, sentence) of everything that a person wrote for persons in a file."""
    if path.suffix == ".md":
        paragraphs = of_markdown(text)
    elif re.fullmatch(r"\.[1-8]", path.suffix):
        paragraphs = of_manual(text)
    elif path.suffix in (".c", ".h", ".cpp", ".hpp", ".cs"):
        paragraphs = of_c(text)
    else:
        paragraphs = of_script(text, path.suffix == ".py" or "python3" in text.split("\n")[0])
    for paragraph in paragraphs:
        yield from sentences(paragraph)


def complaints(path, bounded, whole=False):
    """(line number, what is wrong) in a file.

    "bounded" sentences have at most WORDS words, comments that are "whole" are no fragments.
    """
    text = path.read_text(errors="replace")
    if not (bounded or whole or VAGUE.search(text) or BEGINNING.search(text)):
        return
    for number, sentence in of(path, text):
        for word in VAGUE.findall(sentence):
            yield number, f'"{word}": {sentence[:70]}'
        if BEGINNING.match(sentence) and not sentence.endswith("?"):
            yield number, f"begins without a subject: {sentence[:70]}"
        if whole and FRAGMENT.match(sentence) and not sentence.endswith("?"):
            yield number, f"begins without a noun: {sentence[:70]}"
        if bounded and words(sentence) > WORDS:
            yield number, f"{words(sentence)} words, allowed are {WORDS}: {sentence[:70]}"
