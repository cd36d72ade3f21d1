// Where the cluster is: the first word of the command line, or a member on this machine.
'use strict';
const { Etcd3 } = require('etcd3');

exports.connect = () => new Etcd3({ hosts: 'http://' + (process.argv[2] || '127.0.0.1:2379') });
// What follows on the command line.
exports.word = (number, otherwise) => process.argv[number + 1] || otherwise;
exports.sleep = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));
// Says what went wrong, and does not go on as if nothing had.
exports.run = (main) => main().catch((error) => {
  console.error(error);
  process.exit(1);
});
