#!/usr/bin/env bash
# The dark mode of MkDocs' own theme throws an error on each page of a site without highlight.js.
#
# One would guess: `theme: {name: mkdocs, color_mode: auto, highlightjs: false}` follows the reader's
#   system; highlightjs only says whether highlight.js is loaded from a server.
# What happens: js/darkmode.js of the site looks for the style sheets 'hljs-light' and 'hljs-dark'
#   and sets `disabled` on both. Without highlight.js they are not in the page: the script sets the
#   mode and then ends with a TypeError, before it listens to a change of the system or of the menu.
# Versions: mkdocs 1.6.1; the script is run by Node.js with the few objects of a browser that it uses.
# Source: mkdocs/themes/mkdocs/js/darkmode.js, setColorMode; base.html writes both links only
#   `if config.theme.highlightjs`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mkdocs==1.6.1
cd "$folder"
mkdir docs
echo '# Hello' > docs/index.md
cat > ask.js <<'SCRIPT'
const fs = require('fs');
const vm = require('vm');
const html = fs.readFileSync('site/index.html', 'utf8');
const element = (id) => (html.includes(`id="${id}"`) ? { disabled: false } : null);
let listens = false;
const page = vm.createContext({
  document: {
    documentElement: { getAttribute: () => 'auto', setAttribute: () => {} },
    getElementById: element,
    querySelectorAll: () => [],
  },
  localStorage: { getItem: () => null },
  window: { matchMedia: () => ({ matches: true, addEventListener: () => { listens = true; } }) },
});
let outcome = 'no error';
try {
  vm.runInContext(fs.readFileSync('site/js/darkmode.js', 'utf8'), page);
} catch (error) {
  outcome = error.message;
}
console.log(`highlightjs: ${process.argv[2]}: ${outcome}; follows the system: ${listens}`);
SCRIPT
for highlightjs in true false; do
  printf 'site_name: x\ntheme:\n  name: mkdocs\n  color_mode: auto\n  highlightjs: %s\n' "$highlightjs" > mkdocs.yml
  venv/bin/mkdocs build --quiet --strict
  node ask.js "$highlightjs"
done | tee found.txt
grep -q 'highlightjs: true: no error; follows the system: true' found.txt
grep -q "highlightjs: false: Cannot set properties of null .*; follows the system: false" found.txt
