// A key and its value: hello.js [HOST:PORT]
'use strict';
const { connect, run } = require('./cluster');

run(async () => {
  const client = connect();
  await client.put('greeting').value('hello');
  const { kvs: [found] } = await client.get('greeting').exec();
  console.log(`${found.key} = ${found.value}, version ${found.version}`);
  client.close();
});
