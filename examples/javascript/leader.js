// One leads, the others wait and take over: leader.js [HOST:PORT [NAME [SECONDS]]]
//
// Leads for so many seconds, then gives it up. Kill one that leads: another follows when its lease has ended.
'use strict';
const { connect, run, sleep, word } = require('./cluster');

run(async () => {
  const client = connect();
  const me = word(2, 'me');
  const campaign = client.election('examples/leader.js', 5).campaign(me);
  await new Promise((elected, failed) => campaign.once('elected', elected).once('error', failed));
  console.log(`${me} leads`);
  await sleep(word(3, 0.2)); // what a leader does
  console.log(`${me} gives up`);
  await campaign.resign();
  client.close();
});
