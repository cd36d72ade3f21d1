// A counter that loses nothing: counter.js [HOST:PORT [TIMES]]
//
// Adds one so many times. Each step writes only if nobody else has written since it read; otherwise it reads again.
'use strict';
const { connect, run, word } = require('./cluster');

const KEY = 'examples/counter.js';

async function add_one(client) {
  for (;;) {
    const { kvs: [found] } = await client.get(KEY).exec();
    const next = Number(found ? found.value : 0) + 1;
    const { succeeded } = await client.if(KEY, 'Mod', '==', found ? found.mod_revision : 0)
      .then(client.put(KEY).value(next)).commit();
    if (succeeded) return next;
  }
}

run(async () => {
  const client = connect();
  let last = 0;
  for (let i = 0; i < Number(word(2, 10)); ++i) last = await add_one(client);
  console.log(last);
  client.close();
});
