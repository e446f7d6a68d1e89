// SPDX-License-Identifier: BSD-2-Clause
// Copyright (c) 2026, the WinSpd authors
//
// node parse.cjs TREE-SITTER GRAMMAR FILE...: parses PowerShell by a grammar, and prints for each
// file a line "FILE: LINE..." with the lines where the grammar does not hold; nothing where it does.
'use strict';

const fs = require('fs');

const [library, grammar, ...files] = process.argv.slice(2);
const { Language, Parser } = require(library);

function wrongLines(node) {
  if (node.isError || node.isMissing) return [node.startPosition.row + 1];
  return node.hasError ? node.children.flatMap(wrongLines) : [];
}

async function main() {
  await Parser.init();
  const parser = new Parser();
  parser.setLanguage(await Language.load(grammar));
  for (const file of files) {
    const { rootNode } = parser.parse(fs.readFileSync(file, 'utf8'));
    console.log(`${file}: ${wrongLines(rootNode).join(' ')}`);
  }
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
