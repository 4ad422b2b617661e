// SPDX-License-Identifier: BSL-1.0
// A client of node's ws that tries what a server offers: hooks, names, compression, TLS.
//
//     node ws_server_side_client.js ws://HOST:PORT [AUTHORITY]    exits with 0 when everything was right

const assert = require('assert');
const fs = require('fs');
const WebSocket = require('ws');

const base = process.argv[2];
const ca = process.argv[3] && fs.readFileSync(process.argv[3]);

function open(path, protocols = [], options = {}) {
  const ws = new WebSocket(base + path, protocols, {ca, ...options});
  const received = [];
  const waiting = [];
  ws.on('message', (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    const next = waiting.shift();
    if (next) next(message);
    else received.push(message);
  });
  ws.receive = () => new Promise((resolve) => received.length ? resolve(received.shift()) : waiting.push(resolve));
  ws.opened = new Promise((resolve, reject) => {
    ws.on('open', () => resolve(101));
    ws.on('unexpected-response', (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
    ws.on('error', reject);
  });
  ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve([code, reason.toString()])));
  return ws;
}

async function statusOf(path, options) {
  const ws = open(path, [], options);
  const status = await ws.opened;
  ws.on('error', () => {});
  ws.terminate();
  return status;
}

async function echo(perMessageDeflate) {
  const ws = open('/echo', [], {perMessageDeflate});
  await ws.opened;
  assert.strictEqual(ws.extensions, perMessageDeflate ? 'permessage-deflate' : '');
  for (const text of ['hello', '', 'h\u00e9 \u20ac \u{1f600} '.repeat(1000), 'x'.repeat(2 ** 20)]) {
    ws.send(text);
    assert.strictEqual(await ws.receive(), text);
  }
  for (const size of [0, 200, 70000]) {
    const bytes = Buffer.alloc(size, 0xfe);
    ws.send(bytes);
    assert.ok(bytes.equals(await ws.receive()));
  }
  ws.close(1000);
  assert.strictEqual((await ws.closed)[0], 1000);
}

async function names() {
  const ws = open('/echo', ['soup', 'superchat', 'chat']);
  await ws.opened;
  assert.strictEqual(ws.protocol, 'superchat');
  ws.close();
  await ws.closed;
  const room = open('/rooms/red');
  assert.strictEqual(await room.receive(), 'room red');
  await room.closed;
  assert.strictEqual(await statusOf('/nowhere'), 404);
  assert.strictEqual(await statusOf('/echo', {origin: 'http://evil.example'}), 403);
}

async function passwords() {
  assert.strictEqual(await statusOf('/private'), 401);
  assert.strictEqual(await statusOf('/private', {auth: 'hello:wrong'}), 401);
  const ws = open('/private', [], {auth: 'hello:ilove:you'});
  assert.strictEqual(await ws.receive(), 'you are hello');
  await ws.closed;
}

async function ends() {
  assert.strictEqual((await open('/throws').closed)[0], 1011);
  assert.strictEqual((await open('/returns').closed)[0], 1000);
}

async function waitForEnd() {
  const ws = open('/echo');
  await ws.opened;
  ws.send('ready to end');
  assert.strictEqual(await ws.receive(), 'ready to end');
  console.log('READY');
  assert.deepStrictEqual(await ws.closed, [1001, 'maintenance']);
}

(async () => {
  await echo(true);
  await echo(false);
  await names();
  await passwords();
  await ends();
  await waitForEnd();
  process.exit(0);
})().catch((failure) => {
  console.error(failure);
  process.exit(1);
});
