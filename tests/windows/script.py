# SPDX-License-Identifier: BSD-2-Clause
# Copyright (c) 2026, the WinSpd authors
"""Reads verify.ps1 as far as that goes without a PowerShell: its tokens, its blocks, the commands
that it calls, what of PowerShell 7 the 5.1 of Windows does not have, and whether winspd-verify and
the documentation know the same options. Windows PowerShell reads a file without a mark as ANSI,
hence ASCII alone. Where scripts/inputs has fetched a grammar of PowerShell, that parses it too."""

import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
SCRIPT = TOP / "packaging/verify.ps1"
PROGRAM = TOP / "tests/windows/verify.c"
DOCUMENT = TOP / "doc/verify-on-windows.md"
INPUTS = TOP / "build/inputs"
GRAMMAR = INPUTS / "tree-sitter-powershell/tree-sitter-powershell.wasm"
LIBRARY = INPUTS / "web-tree-sitter/web-tree-sitter.cjs"

TOKENS = re.compile(r"""
    (?P<comment><\#.*?\#>|\#[^\n]*)
  | (?P<string>'(?:[^']|'')*'|"(?:[^"`]|`.|"")*")
  | (?P<variable>\$(?:\{[^}]+\}|[A-Za-z_][\w:]*))
  | (?P<newer>\?\?=?|\?\.|&&|\|\|)
  | (?P<open>[@$]\(|[({\[]|@\{)
  | (?P<close>[)}\]])
  | (?P<word>-?[A-Za-z_][\w]*(?:-[A-Za-z]\w*)*)
  | (?P<number>\d+(?:\.\d+)?)
  | (?P<space>[ \t\r\n]+|`\n)
  | (?P<other>::|\+=|[-+*/%=.,;:&|!<>])
""", re.X | re.S)

# Commands of Windows PowerShell 5.1 that the script calls; a table that grows with the script.
COMMANDS = {"Join-Path", "New-Object", "Set-StrictMode", "Test-Path", "Write-Warning"}
# Variables that have a value without an assignment.
AUTOMATIC = {"$LASTEXITCODE", "$PSScriptRoot", "$false", "$null", "$true"}
PAIRS = {"(": ")", "{": "}", "[": "]"}


def tokens(text):
    at = 0
    while at < len(text):
        match = TOKENS.match(text, at)
        assert match, f"line {text[:at].count(chr(10)) + 1}: no token: {text[at:at + 20]!r}"
        yield match.lastgroup, match[0], text[:at].count("\n") + 1
        at = match.end()


def check_blocks(found):
    stack = []
    for kind, text, line in found:
        if kind == "open":
            stack.append((text[-1], line))
        elif kind == "close":
            assert stack, f"line {line}: {text} closes nothing"
            opened, where = stack.pop()
            assert PAIRS[opened] == text, f"line {line}: {text} closes {opened} of line {where}"
    assert not stack, f"line {stack[-1][1]}: {stack[-1][0]} is not closed"


def check_words(found):
    words = [(text, line) for kind, text, line in found if kind == "word"]
    defined = {words[i + 1][0] for i, (text, _) in enumerate(words) if text == "function"}
    called = {}
    for text, line in words:
        if re.fullmatch(r"[A-Z]\w*-[A-Z]\w*", text):
            called.setdefault(text, []).append(line)
    for name, lines in called.items():
        assert name in defined | COMMANDS, f"line {lines[0]}: {name} is no known command of 5.1"
        assert name not in defined or len(lines) > 1, f"{name} is never called"
    for kind, text, line in found:
        assert kind != "newer", f"line {line}: {text} is of PowerShell 7"


def check_variables(found):
    """Under Set-StrictMode the script ends where it reads one that has no value."""
    known = set(AUTOMATIC)
    code = [row for row in found if row[0] not in ("space", "comment")]
    for before, (kind, text, line), after in zip([None, *code], code, [*code[1:], ("", "", 0)]):
        if kind == "variable":
            is_parameter = before[1] == "]"
            if is_parameter or after[1] in ("=", "+="):
                known.add(text)
            used = [text]
        else:
            used = re.findall(r"\$\w+", text) if kind == "string" and text[0] == '"' else []
        for name in used:
            assert name in known or text.startswith("$env:"), f"line {line}: {name} has no value"


def check(text):
    assert text.isascii(), "there is a character that is not ASCII"
    found = list(tokens(text))
    check_blocks(found)
    check_words(found)
    check_variables(found)


def check_agreement(script, program, document):
    """Each parameter is explained, and each option that is passed on is one of the program's."""
    parameters = re.findall(r"^    \[(?:switch|string)\] \$(\w+)", script, re.M)
    explained = re.findall(r"^\.PARAMETER (\w+)", script, re.M)
    documented = re.findall(r"^\| `-(\w+)", document, re.M)
    assert parameters and parameters == explained, (parameters, explained)
    assert set(parameters) == set(documented), (parameters, documented)
    passed = set(re.findall(r"'(--[a-z-]+)'", script))
    known = set(re.findall(r'!strcmp\(argv\[i\], "(--[a-z-]+)"\)', program))
    assert passed == known, passed ^ known


def refuses(text):
    try:
        check(text)
    except AssertionError:
        return True
    return False


OURS, GRAMMARS, BOTH = 1, 2, 3
# The fault for which each check is there, done to the script on purpose; who has to notice it.
FAULTS = [
    ("function Get-Option {", "function Get-Option {{", BOTH),
    ("return $options", "return $options)", BOTH),
    ("'--report'", "'--report", BOTH),
    ("if ($DryRun) {", "if $DryRun {", GRAMMARS),
    ("Join-Path $PSScriptRoot", "Join-Paths $PSScriptRoot", OURS),
    ("if ($DryRun) {", "if ($DryRun && $Sleep) {", OURS),
    ("Get-Program\n", "'no program'\n", OURS),
    ("return $program", "return $programme", OURS),
    ('throw "$program', 'throw "$programme', OURS),
    ("nobody has tried", "nobody h\u00e4s tried", OURS),
]


def faulty(text, who):
    for good, bad, noticed in FAULTS:
        assert good in text, good
        if noticed & who:
            yield bad, text.replace(good, bad, 1)


def check_kit():
    text = SCRIPT.read_text()
    check(text)
    check_agreement(text, PROGRAM.read_text(), DOCUMENT.read_text())
    for bad, changed in faulty(text, OURS):
        assert refuses(changed), f"not noticed: {bad}"


def no_grammar():
    """Why the grammar cannot be asked; empty when it can."""
    if not LIBRARY.exists() or not GRAMMAR.exists():
        return "there is no grammar of PowerShell; `make test-inputs` fetches it"
    return "" if shutil.which("node") else "there is no node to run it (package nodejs)"


def wrong_lines(files):
    """By file, where the grammar does not hold. node would go on for minutes to optimise it."""
    done = subprocess.run(
        ["node", "--liftoff-only", HERE / "parse.cjs", LIBRARY, GRAMMAR, *files], check=True,
        stdout=subprocess.PIPE, text=True, timeout=120)
    lines = [line.split(": ", 1) for line in done.stdout.splitlines()]
    return {Path(file): wrong for file, wrong in lines}


def check_grammar(folder):
    """folder: for files of the moment."""
    changed = {}
    for number, (bad, text) in enumerate(faulty(SCRIPT.read_text(), GRAMMARS)):
        changed[folder / f"{number}.ps1"] = bad
        (folder / f"{number}.ps1").write_text(text)
    wrong = wrong_lines([SCRIPT, *changed])
    assert not wrong[SCRIPT], f"the grammar does not hold in lines {wrong[SCRIPT]}"
    for file, bad in changed.items():
        assert wrong[file], f"not noticed: {bad}"


if __name__ == "__main__":
    check_kit()
