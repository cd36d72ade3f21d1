// One at a time: lock.js [HOST:PORT [NAME [SECONDS]]]
//
// The lock is a key with a lease. Whoever dies holding it stops renewing that, and it is free after its TTL.
'use strict';
const { connect, run, sleep, word } = require('./cluster');

// There is no waiting in this client's lock: it tries, and whoever is refused asks again when the key is gone.
async function locked(client, name, work) {
  for (;;) {
    const gone = await client.watch().key(name).only('delete').create();
    const free = new Promise((done) => gone.once('delete', done));
    try {
      return await client.lock(name).ttl(10).do(work);
    } catch (error) {
      if (error.name !== 'EtcdLockFailedError' && error.constructor.name !== 'EtcdLockFailedError') throw error;
      await free;
    } finally {
      await gone.cancel();
    }
  }
}

run(async () => {
  const client = connect();
  const me = word(2, 'me');
  await locked(client, 'examples/lock.js', async () => {
    console.log(`${me} begins`);
    await sleep(word(3, 0.2)); // what nobody else may do meanwhile
    console.log(`${me} ends`);
  });
  client.close();
});
