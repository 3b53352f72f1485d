// Opens pages in a real Chromium, see README.md beside this file.
//
//   node check_pages.js [--shots DIR] [--only PART_OF_NAME] [--find WORD=PAGE ...] SITE_FOLDER|PAGE.html ...
//
// For each page, at 400 and 1,200 px, it prints what a reader would suffer from.

const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const { chromium } = require('playwright-core');

const WIDTHS = [400, 1200];
const SCHEMES = ['light', 'dark'];
const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update',
];
const TYPES = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json',
  '.svg': 'image/svg+xml', '.png': 'image/png', '.jpg': 'image/jpeg', '.woff2': 'font/woff2',
};

function readArguments(words) {
  const args = { shots: null, only: '', find: [], paths: [] };
  while (words.length) {
    const word = words.shift();
    if (word === '--shots') args.shots = words.shift();
    else if (word === '--only') args.only = words.shift();
    else if (word === '--find') args.find.push(words.shift().split('='));
    else args.paths.push(word);
  }
  return args;
}

function htmlFiles(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(folder, entry.name);
    return entry.isDirectory() ? htmlFiles(full) : full.endsWith('.html') ? [full] : [];
  }).sort();
}

function serve(folder) {
  const server = http.createServer((request, response) => {
    let file = path.join(folder, decodeURIComponent(new URL(request.url, 'http://x').pathname));
    if (fs.existsSync(file) && fs.statSync(file).isDirectory()) file = path.join(file, 'index.html');
    if (!fs.existsSync(file)) { response.writeHead(404); response.end(); return; }
    response.writeHead(200, { 'Content-Type': TYPES[path.extname(file)] || 'text/plain' });
    fs.createReadStream(file).pipe(response);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

// runs in the page: what can be measured there
function measure() {
  const found = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) {
    const out = [...document.body.querySelectorAll('*')].filter((element) => {
      if (element.getBoundingClientRect().right <= window.innerWidth + 1) return false;
      for (let at = element.parentElement; at; at = at.parentElement) {
        if (at !== document.body && getComputedStyle(at).overflowX !== 'visible') return false;
      }
      return true;
    });
    const names = out.slice(-3).map((e) => `<${e.tagName.toLowerCase()} class="${e.className}">`);
    found.push(`the page is ${wide} px wide in ${window.innerWidth}: ${names.join(' ')}`);
  }
  for (const image of document.images) {
    if (!image.naturalWidth) found.push(`image not shown: ${image.alt || image.src.slice(0, 80)}`);
  }
  const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i);
  if (twice.length) found.push(`ids used twice: ${twice.slice(0, 5).join(' ')}`);
  for (const link of document.querySelectorAll('a[href^="#"]')) {
    const id = decodeURIComponent(link.hash.slice(1));
    if (id && !document.getElementById(id)) found.push(`a link to #${id}, which is not there`);
  }
  return found;
}

// Returns {window: what was found}; a window is 'load', or a width and a colour scheme
async function checkPage(browser, url, shots) {
  const context = await browser.newContext({ viewport: { width: WIDTHS[0], height: 800 } });
  const page = await context.newPage();
  const found = { load: [] };
  page.on('console', (message) => {
    if (message.type() === 'error') found.load.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => found.load.push(`script error: ${error.message}`));
  page.on('requestfailed', (request) => found.load.push(`not loaded: ${request.url().slice(0, 100)}`));
  page.on('request', (request) => {
    if (!/^(file:|data:|blob:|http:\/\/127\.0\.0\.1)/.test(request.url())) {
      found.load.push(`asks another server: ${request.url().slice(0, 100)}`);
    }
  });
  await page.goto(url, { waitUntil: 'load' });
  await page.waitForTimeout(100); // scripts that wait for the load
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of shots ? SCHEMES : ['light']) { // colours change no width
      await page.emulateMedia({ colorScheme });
      found[`${width} px`] = await page.evaluate(measure);
      const shot = shots && `${shots}-${width}-${colorScheme}.png`;
      if (shot) await page.screenshot({ path: shot, fullPage: true });
    }
  }
  await context.close();
  return found;
}

// types a word into the search of a site, as a reader does, and looks for a page among the results
async function checkSearch(browser, start, word, wanted) {
  const page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
  await page.goto(start, { waitUntil: 'load' });
  await page.keyboard.press('s');
  await page.waitForSelector('#mkdocs-search-query', { state: 'visible' });
  await page.locator('#mkdocs-search-query').pressSequentially(word, { delay: 20 });
  await page.waitForTimeout(800);
  const links = await page.$$eval('#mkdocs-search-results a', (all) => all.map((a) => a.href));
  await page.close();
  const rank = links.findIndex((link) => link.includes(wanted));
  console.log(`search ${word}: ${links.length} results, ${wanted} is number ${rank + 1}`);
  return rank < 0 ? [`search ${word}: no result leads to ${wanted}`] : [];
}

async function main() {
  const args = readArguments(process.argv.slice(2));
  if (!args.paths.length) throw new Error('no page and no folder of a site was given');
  if (args.shots) fs.mkdirSync(args.shots, { recursive: true });
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'check_pages-'));
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: QUIET,
    env: { ...process.env, HOME: profile },
  });
  let pages = 0;
  let faults = 0;
  const say = (what, found) => {
    for (const line of new Set(found)) { faults += 1; console.log(`${what}: ${line}`); }
  };
  for (const given of args.paths) {
    const isSite = fs.statSync(given).isDirectory();
    const server = isSite ? await serve(given) : null;
    const root = server ? `http://127.0.0.1:${server.address().port}/` : null;
    for (const file of isSite ? htmlFiles(given) : [given]) {
      const name = isSite ? path.relative(given, file) : path.basename(file);
      if (!name.includes(args.only)) continue;
      const url = root ? root + name.replace(/index\.html$/, '') : `file://${path.resolve(file)}`;
      const stem = name.replace(/\.html$/, '').replace(/\//g, '_');
      const found = await checkPage(browser, url, args.shots && path.join(args.shots, stem));
      for (const [at, lines] of Object.entries(found)) say(`${name} (${at})`, lines);
      pages += 1;
    }
    if (root) for (const [word, wanted] of args.find) {
      say(given, await checkSearch(browser, root, word, wanted));
    }
    if (server) server.close();
  }
  await browser.close();
  fs.rmSync(profile, { recursive: true, force: true });
  console.log(`${pages} pages, each at ${WIDTHS.join(' and ')} px: ${faults} faults`);
  process.exit(faults ? 1 : 0);
}

main().catch((error) => { console.error(error.message); process.exit(2); });
