// Who is there now: discovery.js [HOST:PORT [NAME [SECONDS]]]
//
// Each service puts its address under a key with a lease, which this client renews by itself. Who goes away without a word is
// forgotten when the lease ends.
'use strict';
const { connect, run, sleep, word } = require('./cluster');

const PREFIX = 'examples/services/';

run(async () => {
  const client = connect();
  const name = word(2, 'web-1');
  const lease = client.lease(5);
  await lease.put(PREFIX + name).value(`http://${name}.example:8080`);
  const names = (await client.getAll().prefix(PREFIX).keys()).map((key) => key.slice(PREFIX.length));
  console.log('there are', names.sort().join(' '));
  await sleep(word(3, 0.2)); // what a service does
  await lease.revoke();
  client.close();
});
