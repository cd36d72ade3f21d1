// What programs do with @grpc/grpc-js and .proto files alone: with_grpc_js.js ENDPOINTS PROTO_FOLDER
'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [endpoints, folder] = process.argv.slice(2);
const address = 'ipv4:' + endpoints.split(',').map((url) => new URL(url).host).join(',');
const files = ['rpc.proto', 'lock.proto', 'election.proto', 'health.proto'];
const loaded = grpc.loadPackageDefinition(
  loader.loadSync(files, { includeDirs: [folder], longs: String, enums: String, keepCase: true, oneofs: true, defaults: true }));

function client(service) {
  return new service(address, grpc.credentials.createInsecure(),
    { 'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }) });
}

function call(of, method, request) {
  const deadline = new Date(Date.now() + 20000);
  return new Promise((resolve, reject) =>
    of[method](request, { deadline }, (error, answer) => (error ? reject(error) : resolve(answer))));
}

const { KV, Watch, Lease, Maintenance } = loaded.etcdserverpb;
const kv = client(KV);
const bytes = (text) => Buffer.from(text);

test('keys and ranges', async () => {
  const put = await call(kv, 'Put', { key: bytes('js/a'), value: bytes('1') });
  assert.match(put.header.cluster_id, /^\d+$/);
  await call(kv, 'Put', { key: bytes('js/b'), value: bytes('2') });
  const all = await call(kv, 'Range', { key: bytes('js/'), range_end: bytes('js0'), limit: '1' });
  assert.deepEqual([all.count, all.more, all.kvs.length], ['2', true, 1]);
  const old = await call(kv, 'Range', { key: bytes('js/b'), revision: put.header.revision });
  assert.equal(old.count, '0');
  await assert.rejects(call(kv, 'Put', { value: bytes('no key') }),
    { code: grpc.status.INVALID_ARGUMENT, details: 'etcdserver: key is not provided' });
  const gone = await call(kv, 'DeleteRange', { key: bytes('js/'), range_end: bytes('js0'), prev_kv: true });
  assert.deepEqual(gone.prev_kvs.map((item) => String(item.value)), ['1', '2']);
});

test('transactions', async () => {
  const request = {
    compare: [{ key: bytes('js/txn'), target: 'CREATE', result: 'EQUAL', create_revision: '0' }],
    success: [{ request_put: { key: bytes('js/txn'), value: bytes('made') } }],
    failure: [{ request_range: { key: bytes('js/txn') } }],
  };
  assert.equal((await call(kv, 'Txn', request)).succeeded, true);
  const second = await call(kv, 'Txn', request);
  assert.deepEqual([second.succeeded, String(second.responses[0].response_range.kvs[0].value)], [false, 'made']);
});

test('a watch of the past and the present', async () => {
  const begun = await call(kv, 'Put', { key: bytes('js/w'), value: bytes('0') });
  const stream = client(Watch).Watch();
  stream.write({ create_request: { key: bytes('js/w'), start_revision: begun.header.revision, prev_kv: true } });
  const seen = [];
  for await (const answer of stream) {
    if (answer.created) await call(kv, 'Put', { key: bytes('js/w'), value: bytes('1') });
    seen.push(...answer.events.map((event) => `${event.prev_kv ? event.prev_kv.value : ''}>${event.kv.value}`));
    if (seen.length === 2) {
      stream.cancel();
      break;
    }
  }
  assert.deepEqual(seen, ['>0', '0>1']);
});

test('a lease that is kept alive', async () => {
  const lease = client(Lease);
  const granted = await call(lease, 'LeaseGrant', { TTL: '10' });
  const stream = lease.LeaseKeepAlive();
  stream.write({ ID: granted.ID });
  for await (const answer of stream) {
    assert.deepEqual([answer.ID, answer.TTL], [granted.ID, '10']);
    stream.end();
  }
  await call(lease, 'LeaseRevoke', { ID: granted.ID });
  assert.equal((await call(lease, 'LeaseTimeToLive', { ID: granted.ID })).TTL, '-1');
});

test('locks, elections, status and health', async () => {
  const lease = (await call(client(Lease), 'LeaseGrant', { TTL: '10' })).ID;
  const lock = client(loaded.v3lockpb.Lock);
  const held = await call(lock, 'Lock', { name: bytes('js/lock'), lease });
  await call(lock, 'Unlock', { key: held.key });
  const election = client(loaded.v3electionpb.Election);
  const won = await call(election, 'Campaign', { name: bytes('js/election'), lease, value: bytes('me') });
  assert.equal(String((await call(election, 'Leader', { name: bytes('js/election') })).kv.value), 'me');
  await call(election, 'Resign', { leader: won.leader });
  assert.match((await call(client(Maintenance), 'Status', {})).version, /^3\./);
  assert.equal((await call(client(loaded.grpc.health.v1.Health), 'Check', {})).status, 'SERVING');
});
