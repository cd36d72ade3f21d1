// What programs do with npm's etcd3, while members are killed: with_etcd3.js ENDPOINTS
// Says `kill N` or `start N` on standard output, and goes on when a line comes back.
'use strict';
const assert = require('node:assert/strict');
const readline = require('node:readline');
const { Etcd3, EtcdLockFailedError } = require('etcd3');

const hosts = process.argv[2].split(',');
const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function tell(text) {
  console.log(text);
  assert.equal((await lines.next()).value, 'done');
}

async function until(condition, what) {
  for (let i = 0; i < 600; ++i) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
}

// A write whose outcome is not known is asked for again: these are the same each time.
async function surely(action) {
  for (let i = 0; ; ++i) {
    try {
      return await action();
    } catch (error) {
      if (i === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function keys(client) {
  await client.put('k/a').value('1');
  await client.put('k/b').value('2');
  assert.equal(await client.get('k/a').string(), '1');
  assert.equal(await client.get('k/none').string(), null);
  assert.deepEqual(await client.getAll().prefix('k/').strings(), { 'k/a': '1', 'k/b': '2' });
  assert.deepEqual(await client.getAll().prefix('k/').sort('Key', 'Descend').keys(), ['k/b', 'k/a']);
  assert.equal(await client.getAll().prefix('k/').count(), 2);
  assert.equal((await client.delete().key('k/a')).deleted, '1');
  const space = client.namespace('k/');
  assert.equal(await space.get('b').string(), '2');
}

async function transactions(client) {
  const make = () => client.if('t/a', 'Create', '==', 0).then(client.put('t/a').value('made')).else(client.get('t/a')).commit();
  assert.equal((await make()).succeeded, true);
  const second = await make();
  assert.deepEqual([second.succeeded, String(second.responses[0].response_range.kvs[0].value)], [false, 'made']);
}

async function refusals(client) {
  await assert.rejects(client.put('').value('x'), /key is not provided/);
  await assert.rejects(client.get('k/b').revision(999999).string(), /future revision/);
  const lease = client.lease(60);
  await lease.grant();
  await lease.revoke();
}

async function locks(client) {
  const lock = client.lock('l/a').ttl(10);
  await lock.acquire();
  await assert.rejects(client.lock('l/a').acquire(), EtcdLockFailedError);
  await lock.release();
  assert.equal(await client.lock('l/a').do(async () => 'held'), 'held');
}

async function elections(client) {
  const election = client.election('e', 10);
  const first = election.campaign('one');
  await new Promise((resolve, reject) => first.on('elected', resolve).on('error', reject));
  assert.equal(await election.leader(), 'one');
  const second = client.election('e', 10).campaign('two');
  const elected = new Promise((resolve, reject) => second.on('elected', resolve).on('error', reject));
  await first.proclaim('uno');
  assert.equal(await election.leader(), 'uno');
  const observer = await election.observe();
  await first.resign();
  await elected;
  await until(() => observer.leader() === 'two', 'the observer sees the second one');
  await observer.cancel();
  await second.resign();
}

// All that is put while members come and go is seen, once and in order; what hangs on a kept lease stays.
async function members(client) {
  const seen = [];
  const watcher = await client.watch().prefix('w/').create();
  watcher.on('put', (item) => seen.push(`${item.key}=${item.value}`));
  let lost = null;
  const lease = client.lease(5);
  lease.on('lost', (error) => (lost = error));
  await lease.put('kept').value('alive');
  const wanted = [];
  for (let i = 0; i < hosts.length; ++i) {
    await tell(`kill ${i}`);
    for (let j = 0; j < 5; ++j) {
      const key = `w/${i}${j}`;
      await surely(() => client.if(key, 'Create', '==', 0).then(client.put(key).value('v')).commit());
      wanted.push(`${key}=v`);
    }
    await until(() => seen.length >= wanted.length, `${wanted.length} changes, of them seen ${seen.length}`);
    await tell(`start ${i}`);
  }
  assert.deepEqual(seen, wanted);
  assert.equal(lost, null);
  assert.equal(await surely(() => client.get('kept').string()), 'alive');
  await watcher.cancel();
  await lease.revoke();
  assert.equal(await client.get('kept').string(), null);
}

async function main() {
  const client = new Etcd3({ hosts });
  for (const part of [keys, transactions, refusals, locks, elections, members]) {
    await part(client);
    console.log(`passed ${part.name}`);
  }
  client.close();
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
