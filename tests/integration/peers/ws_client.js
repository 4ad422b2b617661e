// SPDX-License-Identifier: BSL-1.0
// A client of node's ws: talks to the server on a port and exits with 0 when everything was right.
//
//     node ws_client.js PORT

const assert = require('assert');
const WebSocket = require('ws');

const uri = `ws://127.0.0.1:${process.argv[2]}/`;

function open(path, protocols = []) {
  const ws = new WebSocket(uri + path, protocols, {perMessageDeflate: false});
  const received = [];
  const waiting = [];
  ws.on('message', (data, isBinary) => {
    const message = isBinary === false ? data.toString() : data;
    const next = waiting.shift();
    if (next) next(message);
    else received.push(message);
  });
  ws.receive = () => new Promise((resolve) => received.length ? resolve(received.shift()) : waiting.push(resolve));
  ws.opened = new Promise((resolve, reject) => {
    ws.on('open', resolve);
    ws.on('error', reject);
  });
  ws.closed = new Promise((resolve) => ws.on('close', (code, reason) => resolve([code, reason.toString()])));
  return ws;
}

async function echo() {
  const ws = open('', ['other', 'chat']);
  await ws.opened;
  assert.strictEqual(ws.protocol, 'chat');
  for (const text of ['hello', '', 'h\u00e9 \u20ac \u{1f600}', 'x'.repeat(2 ** 20 - 1)]) {
    ws.send(text);
    assert.strictEqual(await ws.receive(), text);
  }
  for (const size of [0, 200, 70000]) {
    ws.send(Buffer.alloc(size, 0xfe));
    assert.ok(Buffer.alloc(size, 0xfe).equals(await ws.receive()));
  }
  ws.send('one ', {fin: false});
  ws.send('', {fin: false});
  ws.send('two', {fin: true});
  assert.strictEqual(await ws.receive(), 'one two');
  const pong = new Promise((resolve) => ws.on('pong', (data) => resolve(data.toString())));
  ws.ping('are you there');
  assert.strictEqual(await pong, 'are you there');
  ws.close(4002, 'from the client');
  assert.strictEqual((await ws.closed)[0], 4002);
}

async function closedByServer() {
  const ws = open('close');
  assert.deepStrictEqual(await ws.closed, [4001, 'from the server']);
}

async function fragments() {
  const ws = open('fragments');
  assert.strictEqual(await ws.receive(), 'a fragmented message');
  ws.close();
  await ws.closed;
}

async function tooBig() {
  const ws = open('');
  await ws.opened;
  ws.on('error', () => {});
  ws.send(Buffer.alloc(2 ** 20 + 1));
  assert.strictEqual((await ws.closed)[0], 1009);
}

(async () => {
  for (const part of [echo, closedByServer, fragments, tooBig]) await part();
  process.exit(0);
})().catch((failure) => {
  console.error(failure);
  process.exit(1);
});
