// An API with nothing but Node: healthy while its database takes connections, and as ill as MOOD says.
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { createServer } = require('node:http');
const { connect } = require('node:net');

const log = (fields) => console.log(JSON.stringify({ level: 30, time: Date.now(), ...fields }));

const { MOOD, PORT = '5003', HOST = '0.0.0.0', SECRETS_DIR = '/run/secrets' } = process.env;
const database = { host: process.env.DATABASE_HOST, port: Number(process.env.DATABASE_PORT ?? 5432) };

if (MOOD === 'dies') {
  log({ msg: 'cannot go on: the mood is bad' });
  process.exit(3);
}

createServer((request, response) => {
  log({ msg: `asked for ${request.url}` });
  if (request.url === '/health') {
    if (MOOD === 'ill') return response.writeHead(503).end('not well');
    const socket = connect(database);
    socket.once('connect', () => {
      socket.destroy();
      response.writeHead(200).end('well');
    });
    socket.once('error', (error) => response.writeHead(503).end(error.message));
    return;
  }
  if (request.url === '/facts') {
    const password = readFileSync(`${SECRETS_DIR}/db_password`);
    const facts = {
      greeting: process.env.GREETING,
      pid: process.pid,
      names: Object.keys(process.env).sort(),
      secret: createHash('sha256').update(password).digest('hex'),
    };
    return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(facts));
  }
  response.writeHead(404).end();
}).listen(Number(PORT), HOST, () => log({ msg: 'listening' }));

process.on('SIGTERM', () => {
  if (MOOD === 'deaf') return;
  log({ msg: 'stopping' });
  process.exit(0);
});
