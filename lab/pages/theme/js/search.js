// The search of the site, in English and Chinese. MkDocs' own finds no Chinese word in a sentence:
// lunr divides a text into words at spaces, and Chinese has none.

const CHINESE = /[\u3400-\u9fff]/;
const SHOWN = 20;

// 'Resuming 数据集' -> ['resum', '数据', '据集']: parts that a text has to contain
function partsOf(query) {
  const words = query.toLowerCase().match(/[\u3400-\u9fff]+|[^\s\u3400-\u9fff]+/g) || [];
  return words.flatMap((word) => {
    if (!CHINESE.test(word)) return [stem(word)];
    if (word.length === 1) return [word];
    return Array.from({ length: word.length - 1 }, (_, i) => word.slice(i, i + 2));
  });
}

function stem(word) {
  return word.length > 4 ? word.replace(/(ing|ed|es|s|e)$/, '') : word;
}

function count(text, part) {
  return text.split(part).length - 1;
}

// 0 if a part is missing; titles weigh most, then the query as it was typed
function score(entry, parts, phrase) {
  let sum = 0;
  for (const part of parts) {
    const inTitle = count(entry.lowerTitle, part);
    const inText = count(entry.lowerText, part);
    if (!inTitle && !inText) return 0;
    sum += 10 * Math.min(inTitle, 1) + Math.min(inText, 5);
  }
  if (entry.lowerTitle.includes(phrase)) sum += 20;
  return entry.lowerText.includes(phrase) ? sum + 5 : sum;
}

function find(entries, query) {
  const parts = partsOf(query);
  const phrase = query.trim().toLowerCase();
  if (!parts.length) return [];
  return entries
    .map((entry) => [score(entry, parts, phrase), entry])
    .filter(([value]) => value > 0)
    .sort(([one], [other]) => other - one)
    .slice(0, SHOWN)
    .map(([, entry]) => entry);
}

// the text around the first part, with each part marked
function excerpt(entry, parts) {
  const at = Math.max(0, Math.min(...parts.map((part) => {
    const place = entry.lowerText.indexOf(part);
    return place < 0 ? Infinity : place;
  })) - 60);
  const text = entry.text.slice(Number.isFinite(at) ? at : 0).slice(0, 200);
  const escaped = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const paragraph = document.createElement('p');
  text.split(new RegExp(`(${escaped.join('|')})`, 'i')).forEach((piece, i) => {
    const marked = i % 2 === 1;
    const node = marked ? document.createElement('mark') : document.createTextNode(piece);
    if (marked) node.textContent = piece;
    paragraph.append(node);
  });
  return paragraph;
}

function show(results, query, box) {
  const parts = partsOf(query);
  box.replaceChildren(...results.map((entry) => {
    const article = document.createElement('article');
    const heading = document.createElement('h3');
    const link = document.createElement('a');
    link.href = new URL(entry.location, new URL(`${base_url}/`, location.href));
    link.textContent = entry.fullTitle;
    heading.append(link);
    article.append(heading, excerpt(entry, parts));
    return article;
  }));
  if (query.trim() && !results.length) box.textContent = box.dataset.noResultsText;
}

async function load() {
  const answer = await fetch(`${base_url}/search/search_index.json`);
  const { docs } = await answer.json();
  const titles = new Map(docs.map((doc) => [doc.location, doc.title]));
  return docs.map((doc) => {
    const page = titles.get(doc.location.split('#')[0]);
    return {
      ...doc,
      fullTitle: doc.location.includes('#') && page !== doc.title ? `${page}: ${doc.title}` : doc.title,
      lowerTitle: doc.title.toLowerCase(),
      lowerText: doc.text.toLowerCase(),
    };
  });
}

function start() {
  const input = document.getElementById('mkdocs-search-query');
  const box = document.getElementById('mkdocs-search-results');
  let entries = null; // loaded when the first letter is typed
  const search = async () => {
    entries ??= load();
    const query = input.value;
    const results = find(await entries, query);
    if (query === input.value) show(results, query, box);
  };
  input.addEventListener('input', search);
  input.form.addEventListener('submit', (event) => {
    event.preventDefault();
    box.querySelector('a')?.click();
  });
  input.value = new URLSearchParams(location.search).get('q') || '';
  if (input.value) search();
}

if (typeof document === 'undefined') module.exports = { find, partsOf }; // for a test in Node.js
else start();
