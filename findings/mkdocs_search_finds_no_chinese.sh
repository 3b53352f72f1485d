#!/usr/bin/env bash
# MkDocs' search finds no Chinese word inside a sentence, and with `lang: zh` nothing at all.
#
# One would guess: `plugins: [search: {lang: [en, zh]}]` is accepted without a warning and puts
#   lunr.zh.js into the site, so a reader can search Chinese pages.
# What happens: lunr divides a text into words at spaces, and its trimmer removes all that is not a
#   Latin letter or a digit: of a Chinese text nothing is left in the index. lunr.zh.js needs
#   @node-rs/jieba, which it loads by `require`; in a browser its factory is called without it. With
#   `lang: zh` the index is never made (a TypeError in the worker: no search at all); with
#   `lang: [en, zh]` there is no error, and a result only for a text between spaces, as a short title.
# Versions: mkdocs 1.6.1 with the files that it puts into a site, run by Node.js as a browser runs
#   them (no `exports`, no `require`).
# Source: mkdocs/contrib/search/lunr-language/lunr.zh.js, `factory()(root.lunr)`; lunr.js, lunr.trimmer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mkdocs==1.6.1
cd "$folder"
mkdir docs
printf '# 训练\n\n把标注转换成 COCO 格式，然后训练检测器。\n' > docs/index.md
for lang in "[en]" "[zh]" "[en, zh]"; do
  printf 'site_name: x\nplugins:\n  - search:\n      lang: %s\n' "$lang" > mkdocs.yml
  venv/bin/mkdocs build --quiet --strict
  cat > ask.js <<'SCRIPT'
const fs = require('fs');
const vm = require('vm');
const page = vm.createContext({ console });
page.self = page;
const load = (name) => vm.runInContext(fs.readFileSync(`site/search/${name}`, 'utf8'), page);
page.data = JSON.parse(fs.readFileSync('site/search/search_index.json', 'utf8'));
const { lang } = page.data.config;
// the files and the index as search/worker.js loads and makes them
const files = ['lunr.js'];
if (lang.length > 1 || lang[0] !== 'en') files.push('lunr.stemmer.support.js');
if (lang.length > 1) files.push('lunr.multi.js');
files.push(...lang.filter((one) => one !== 'en').map((one) => `lunr.${one}.js`));
files.forEach(load);
const ask = () => vm.runInContext(`
  var lang = data.config.lang;
  lunr.tokenizer.separator = new RegExp(data.config.separator);
  var index = lunr(function () {
    if (lang.length === 1 && lang[0] !== 'en' && lunr[lang[0]]) this.use(lunr[lang[0]]);
    else if (lang.length > 1) this.use(lunr.multiLanguage.apply(null, lang));
    this.field('title'); this.field('text'); this.ref('location');
    data.docs.forEach(function (doc) { this.add(doc); }, this);
  });
  var found = ['coco', '训练', '标注', '检测器'].map((word) => word + ': ' + index.search(word).length);
`, page);
try {
  ask();
  console.log(`lang ${lang}: ${page.found.join(', ')}`);
} catch (error) {
  console.log(`lang ${lang}: ${error.message}`);
}
SCRIPT
  node ask.js
done | tee found.txt
grep -q 'lang en: coco: [1-9].*训练: 0, 标注: 0, 检测器: 0' found.txt
grep -q "lang zh: Cannot read properties of undefined (reading 'cut')" found.txt
grep -q 'lang en,zh: coco: [1-9].*训练: [1-9].*标注: 0, 检测器: 0' found.txt
