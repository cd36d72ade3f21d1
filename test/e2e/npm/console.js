// The console in a browser: console.js SCENARIO URL...   (the clients' URLs of the members)
// Says `kill N` or `start N` on standard output, and goes on when a line comes back. No page may write an error to its
// console, or ask anybody but the members.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const readline = require('node:readline');
const { chromium } = require('playwright-core');

const [scenario, ...urls] = process.argv.slice(2);
const shots = process.env.CAIRN_CONSOLE_SHOTS; // a folder: pictures of what was seen go there
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const faults = [];
let mayFail = false; // members are gone: the browser says of each request that it failed

async function tell(text) {
  console.log(text);
  assert.equal((await lines.next()).value, 'done');
}

async function open(browser, url, hash = '', { deaf, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15000);
  page.on('pageerror', (error) => faults.push(`page error: ${error}`));
  page.on('console', (message) => {
    const expected = /Failed to load resource/.test(message.text()) && (mayFail || (deaf && /ERR_FAILED/.test(message.text())) || /status of (400|401|403|404|410|412)/.test(message.text()));
    if (message.type() === 'error' && !expected && !mayFail) faults.push(`console: ${message.text()}`);
  });
  page.on('dialog', (dialog) => (faults.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on('request', (request) => {
    if (!urls.includes(new URL(request.url()).origin)) faults.push(`asked elsewhere: ${request.url()}`);
  });
  if (deaf) await page.route('**/v1/watch*', (route) => route.abort());
  await page.goto(`${url}/ui/${hash}`);
  return page;
}

const shoot = async (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
const seen = (page, text) => page.getByText(text).first().waitFor();
const put = async (key, value, headers = {}) => {
  const answer = await fetch(`${urls[0]}/v1/kv/${encodeURIComponent(key)}`, { method: 'PUT', body: value, headers: { 'cairn-route': 'forward', ...headers } });
  assert.ok(answer.ok, `${answer.status}`);
};
const get = async (key) => {
  const answer = await fetch(`${urls[0]}/v1/kv/${encodeURIComponent(key)}?consistency=linearizable`);
  return answer.ok ? answer.text() : undefined;
};
const views = ['overview', 'keys', 'keys/app/config.json', 'members', 'leases'];

async function isAccessible(page, where) {
  await page.evaluate(fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() => window.axe.run());
  const bad = violations.filter((each) => ['serious', 'critical'].includes(each.impact));
  assert.deepEqual(bad.map((each) => `${each.id}: ${each.nodes.map((node) => node.target + ' ' + node.failureSummary).slice(0, 3).join(' | ')}`), [], where);
}

const scenarios = {
  // Every view, light and dark, wide and as narrow as a telephone.
  async views(browser) {
    for (const each of ['app/config.json', 'app/name', 'app/flags/dark', 'users/ann', 'users/bob', 'zebra']) await put(each, each === 'app/config.json' ? '{"port": 2379, "hosts": ["a", "b"]}' : `value of ${each}`);
    await put('app/name', 'second');
    await fetch(`${urls[0]}/v1/kv/presence?ttl=600s`, { method: 'PUT', body: 'here', headers: { 'cairn-route': 'forward' } });
    for (const colorScheme of ['light', 'dark'])
      for (const width of [360, 768, 1440]) {
        const page = await open(browser, urls[0], '', { colorScheme, viewport: { width, height: 900 } });
        await seen(page, 'Healthy, tolerates 1 failure');
        for (const view of views) {
          await page.evaluate((hash) => (location.hash = hash), `#/${view}`);
          await page.locator('main h1, main h2').first().waitFor();
          if (view === 'keys') await page.locator('a.leaf', { hasText: 'zebra' }).waitFor();
          if (view === 'keys/app/config.json') await seen(page, '"port": 2379');
          if (view === 'leases') await page.locator('tbody tr').first().waitFor();
          const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
          assert.ok(inner <= outer, `${view} at ${width} px is ${inner} px wide`);
          await isAccessible(page, `${view} ${colorScheme} ${width}`);
          await shoot(page, `${view.replace(/\W/g, '-')}-${colorScheme}-${width}`);
        }
        await page.context().close();
      }
  },

  async failover(browser) {
    const { leader } = await (await fetch(`${urls[0]}/v1/status`)).json();
    const led = Number(leader.name.slice(1)) - 1;
    const page = await open(browser, urls[led]);
    await seen(page, 'Healthy, tolerates 1 failure');
    const kept = (led + 1) % urls.length;
    const other = await open(browser, urls[kept]);
    await seen(other, 'Healthy, tolerates 1 failure'); // said by the leader, which this page asks, too
    mayFail = true;
    await tell(`kill ${led}`);
    const asking = (async () => { // until a member first says who leads now
      for (;;) {
        const status = await (await fetch(`${urls[kept]}/v1/status`)).json();
        if (status.leader && status.leader.name !== leader.name) return Date.now();
      }
    })();
    await other.locator('.stone.leads', { hasNotText: leader.name }).waitFor();
    const late = Date.now() - (await asking);
    console.log(`seen ${late} ms after the first member knew`);
    assert.ok(late < 2000, `seen after ${late} ms`);
    await seen(other, `n${led + 1} is missing, tolerates 0 failures`);
    const elected = (await other.locator('.stone.leads .name').textContent()).trim();
    assert.notEqual(elected, `n${led + 1}`);
    await seen(other, `cairn member replace n${led + 1} NEW=URL`);
    assert.match(await other.locator('.happenings').textContent(), new RegExp(`${elected} leads, in term`));
    await shoot(other, 'failover');
    // The page of the one that is gone goes on by what the others say, and leads to them.
    await seen(page, 'The member that serves this page does not answer.');
    await seen(page, `n${led + 1} is missing, tolerates 0 failures`);
    assert.equal(await page.getByRole('alert').getByRole('link').count(), urls.length - 1);
    await shoot(page, 'orphaned');
    await tell(`start ${led}`);
    await seen(other, 'Healthy, tolerates 1 failure');
  },

  async conflict(browser) {
    await put('app/greeting', 'one');
    // Followers pass writes on. Who is deaf hears of nothing: then it is the member that refuses to write over.
    for (const [url, deaf] of [...urls.map((each) => [each, false]), [urls[0], true], [urls[1], true]]) {
      await put('app/greeting', 'one');
      const page = await open(browser, url, '#/keys/app/greeting', { deaf });
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.locator('textarea').fill('mine\nof two lines');
      await put('app/greeting', 'theirs');
      if (deaf) await page.getByRole('button', { name: 'Save' }).click(); // others have heard already
      await page.getByText(/Somebody has written revision/).waitFor();
      assert.equal(await get('app/greeting'), 'theirs');
      assert.equal(await page.locator('textarea').inputValue(), 'mine\nof two lines');
      assert.equal(await page.locator('.theirs pre').textContent(), 'theirs');
      await shoot(page, 'conflict');
      await page.evaluate(() => (location.hash = '#/leases')); // and back: what was typed is still there
      await page.getByRole('heading', { name: 'Leases', exact: true }).waitFor();
      await page.evaluate(() => (location.hash = '#/keys/app/greeting'));
      await page.getByText(/Somebody has written revision/).waitFor();
      await page.getByRole('button', { name: 'Write mine over it' }).click();
      await page.getByText(/Saved as revision/).waitFor();
      assert.equal(await get('app/greeting'), 'mine\nof two lines');
      await page.getByRole('button', { name: /Show what it was before/ }).click();
      await page.locator('.past summary', { hasText: 'theirs' }).first().waitFor();
      await page.getByRole('button', { name: 'Delete…' }).click();
      await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click();
      assert.equal(await get('app/greeting'), 'mine\nof two lines');
      if (deaf) {
        await put('app/greeting', 'later');
        await page.getByRole('button', { name: 'Delete…' }).click();
        await page.locator('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
        await page.locator('dialog').getByRole('alert').waitFor();
        await shoot(page, 'not-deleted');
        assert.equal(await get('app/greeting'), 'later');
        await page.context().close();
        continue;
      }
      await page.getByRole('button', { name: 'Delete…' }).click();
      await page.locator('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
      await seen(page, 'There is no such key');
      assert.equal(await get('app/greeting'), undefined);
      await page.context().close();
    }
  },

  async create(browser) {
    const page = await open(browser, urls[1]);
    await seen(page, 'Healthy');
    await page.keyboard.press('n');
    await page.getByLabel('Key', { exact: true }).fill('new/one');
    await page.keyboard.press('Enter');
    await page.locator('textarea').fill('first');
    await put('new/one', 'somebody was faster');
    await page.getByText('The key is there already.').waitFor();
    await page.getByRole('button', { name: 'Take theirs' }).click();
    await seen(page, 'somebody was faster');
    await page.keyboard.press('e');
    await page.locator('textarea').fill('\u00fcber');
    await page.keyboard.press('Control+Enter');
    await page.getByText(/Saved as revision/).waitFor();
    assert.equal(await get('new/one'), '\u00fcber');
    // Bytes that are no text: seen and changed as such.
    await put('bytes', new Uint8Array([255, 0, 13, 10]));
    await page.evaluate(() => (location.hash = '#/keys/bytes'));
    await seen(page, 'ff 00 0d 0a');
    await page.getByRole('button', { name: 'Edit' }).click();
    assert.equal(await page.locator('textarea').inputValue(), 'ff 00 0d 0a');
    await page.locator('textarea').fill('ff 00 0d 0');
    await page.getByRole('button', { name: 'Save' }).click();
    await seen(page, 'This is no hex');
    await page.locator('textarea').fill('ff000d0b');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/Saved as revision/).waitFor();
    const answer = await fetch(`${urls[0]}/v1/kv/bytes?consistency=linearizable`);
    assert.deepEqual([...new Uint8Array(await answer.arrayBuffer())], [255, 0, 13, 11]);
    // Its lease stays when a key is changed.
    await fetch(`${urls[0]}/v1/kv/leased?ttl=600s`, { method: 'PUT', body: 'x', headers: { 'cairn-route': 'forward' } });
    await page.evaluate(() => (location.hash = '#/keys/leased'));
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.locator('textarea').fill('y');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText(/Saved as revision/).waitFor();
    assert.match((await fetch(`${urls[0]}/v1/kv/leased?consistency=linearizable`)).headers.get('cairn-lease'), /^[0-9a-f]{16}$/);
    await page.evaluate(() => (location.hash = '#/leases'));
    await page.getByRole('button', { name: 'Show' }).first().click();
    await page.getByRole('link', { name: 'leased' }).waitFor();
    await page.getByRole('button', { name: 'Revoke' }).first().click();
    await page.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
    await seen(page, 'No leases.');
    assert.equal(await get('leased'), undefined);
  },

  // What one page writes the other one sees; and a folder of very many keys costs nothing before it is opened.
  async watch(browser) {
    await Promise.all(Array.from({ length: 300 }, (_, n) => put(`many/${n}`, 'x')));
    await put('zoo/ape', '1');
    const [writer, watcher] = [await open(browser, urls[0], '#/keys/live/a'), await open(browser, urls[1], '#/keys')];
    await watcher.locator('summary', { hasText: 'zoo/' }).waitFor();
    await watcher.locator('#live', { hasText: 'Changes live' }).waitFor();
    await writer.getByRole('button', { name: 'Create it' }).click();
    await writer.locator('textarea').fill('hello');
    await writer.getByRole('button', { name: 'Create', exact: true }).click();
    await writer.getByText(/Saved as revision/).waitFor();
    await watcher.locator('.changes li', { hasText: 'live/a' }).waitFor();
    await watcher.locator('summary', { hasText: 'live/' }).click();
    await watcher.locator('a.leaf', { hasText: 'a' }).click();
    await watcher.locator('pre', { hasText: 'hello' }).waitFor();
    await put('live/a', 'hello again');
    await watcher.locator('pre', { hasText: 'hello again' }).waitFor();
    await put('live/b', '2');
    await watcher.locator('a.leaf', { hasText: 'b' }).waitFor();
    // Search, and the keyboard alone.
    await watcher.keyboard.press('/');
    await watcher.keyboard.type('many/1');
    await seen(watcher, '111 keys');
    await watcher.keyboard.press('Escape');
    await watcher.locator('a.leaf').first().focus();
    await watcher.keyboard.press('ArrowDown');
    await watcher.keyboard.press('Enter');
    await watcher.locator('#key', { hasText: 'many/10' }).waitFor();
    await watcher.getByRole('button', { name: 'Show more' }).click();
    await watcher.locator('a.leaf', { hasText: '199' }).waitFor();
    await watcher.keyboard.press('?');
    await watcher.getByRole('heading', { name: 'Keyboard' }).waitFor();
    await watcher.keyboard.press('Escape');
    await watcher.locator('dialog').waitFor({ state: 'detached' });
    await watcher.keyboard.press('1');
    await seen(watcher, 'Healthy');
  },

  // Opened by a name that no member has it sees one member, asks no other, and says so; what it can do there it does.
  async another_name(browser) {
    const named = urls[0].replace('127.0.0.1', 'localhost');
    const members = urls.splice(0, urls.length, named);
    const page = await open(browser, named);
    await seen(page, 'Only n1 is asked');
    for (const each of members) await page.getByRole('link', { name: each }).waitFor();
    await page.evaluate(() => (location.hash = '#/keys/named'));
    await page.getByRole('button', { name: 'Create it' }).click();
    await page.locator('textarea').fill('x');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText(/Saved as revision/).waitFor();
    await shoot(page, 'another-name');
  },

  async hostile(browser) {
    const names = ['<img src=x onerror=alert(1)>', '"><script>alert(2)</script>', 'javascript:alert(3)', 'a\u202eb', '../..//x', '%41', '__proto__', 'constructor/__proto__', '\u0000', 'line\nbreak'];
    for (const each of names) await put(each, '<script>alert(4)</script><img src=x onerror=alert(5)>');
    const page = await open(browser, urls[0], '#/keys');
    await page.locator('a.leaf', { hasText: '<img src=x onerror=alert(1)>' }).click();
    await page.locator('#key', { hasText: '<img src=x onerror=alert(1)>' }).waitFor();
    await page.locator('pre', { hasText: '<script>alert(4)</script>' }).waitFor();
    await page.locator('#live', { hasText: 'live' }).waitFor();
    for (const each of names) {
      const bytes = [...new TextEncoder().encode(each)].map((byte) => '%' + byte.toString(16).padStart(2, '0')).join('');
      await page.evaluate((hash) => (location.hash = hash), `#/keys/${bytes}`);
      await page.locator('pre', { hasText: 'alert(5)' }).waitFor();
      await put(each, `now <b>this</b> of ${names.indexOf(each)}`);
      await page.locator('pre', { hasText: `now <b>this</b> of ${names.indexOf(each)}` }).waitFor();
    }
    assert.equal(await page.locator('main img, main script, main b').count(), 0);
    await page.locator('.changes', { hasText: '\\u{202e}' }).waitFor();
    await shoot(page, 'hostile');
  },

  async login(browser) {
    const page = await open(browser, urls[1]);
    await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
    await shoot(page, 'login');
    await page.getByLabel('User').fill('root');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await seen(page, 'That is no user, or not the password');
    await page.getByLabel('Password').fill('root-password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await seen(page, 'Healthy, tolerates 1 failure');
    await page.evaluate(() => (location.hash = '#/keys/secret'));
    await page.getByRole('button', { name: 'Create it' }).click();
    await page.locator('textarea').fill('of root');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByText(/Saved as revision/).waitFor();
    await page.locator('.changes li', { hasText: 'secret' }).waitFor();
    assert.deepEqual(await page.evaluate(() => [localStorage.length, document.cookie, sessionStorage.length]), [0, '', 1]);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('heading', { name: 'Who are you?' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    // Who may read a part sees that part.
    await page.getByLabel('User').fill('ann');
    await page.getByLabel('Password').fill('root-password');
    await page.getByRole('button', { name: 'Log in' }).click();
    await seen(page, 'Healthy, tolerates 1 failure');
    await page.evaluate(() => (location.hash = '#/keys/secret'));
    await page.getByRole('alert').filter({ hasText: 'permission' }).first().waitFor();
    await seen(page, 'You may not read all keys that begin so.');
    await page.getByRole('searchbox').fill('app/');
    await seen(page, 'No key begins so.');
    await page.evaluate(() => (location.hash = '#/keys/app/ann'));
    await page.getByRole('button', { name: 'Create it' }).click();
    await page.locator('textarea').fill('of ann');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.locator('a.leaf', { hasText: 'ann' }).waitFor();
    await shoot(page, 'ann');
  },
};

(async () => {
  const browser = await chromium.launch({ executablePath: process.env.CAIRN_CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
  try {
    await scenarios[scenario](browser);
    assert.deepEqual(faults, []);
  } finally {
    await browser.close();
  }
  console.log('passed');
  process.exit(0);
})().catch((error) => {
  console.log(error, faults);
  process.exit(1);
});
