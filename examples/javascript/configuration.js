// Configuration that is followed while it changes: configuration.js [HOST:PORT [CHANGES]]
//
// Reads all of it once, then hears of each change behind that, so that none is missed in between. Ends after so many changes.
'use strict';
const { connect, run, word } = require('./cluster');

const PREFIX = 'examples/configuration/';

run(async () => {
  const client = connect();
  const settings = {};
  const answer = await client.getAll().prefix(PREFIX).exec();
  for (const { key, value } of answer.kvs) settings[key.toString().slice(PREFIX.length)] = value.toString();
  console.log('begins with', JSON.stringify(settings));
  const watcher = await client.watch().prefix(PREFIX).startRevision(String(Number(answer.header.revision) + 1)).create();
  let left = Number(word(2, 1));
  await new Promise((done, failed) => {
    const changed = (change) => {
      console.log('is now', JSON.stringify(settings));
      if (--left === 0) done(change);
    };
    watcher.on('error', failed);
    watcher.on('put', ({ key, value }) => {
      settings[key.toString().slice(PREFIX.length)] = value.toString();
      changed();
    });
    watcher.on('delete', ({ key }) => {
      delete settings[key.toString().slice(PREFIX.length)];
      changed();
    });
  });
  await watcher.cancel();
  client.close();
});
