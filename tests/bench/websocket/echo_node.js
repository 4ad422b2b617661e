#!/usr/bin/env node
// SPDX-License-Identifier: BSL-1.0

// tests/bench/websocket/echo_node.js: the echo with node and its package ws, without compression.

'use strict';
const paths = ['ws', '/usr/share/nodejs/ws'];
const load = () => {
  for (const path of paths) try { return require(path); } catch (error) { if (error.code !== 'MODULE_NOT_FOUND') throw error; }
  console.error('no package ws (Debian: node-ws)');
  process.exit(1);
};
const { WebSocketServer } = load();
const sink = process.env.AIOXX_BENCH_SINK !== undefined;
const port = Number(process.argv[process.argv.indexOf('--port') + 1] || 0);
const server = new WebSocketServer({ host: '127.0.0.1', port, perMessageDeflate: false }, () => {
  console.log(`port ${server.address().port}`);
});
server.on('connection', (peer) => {
  peer._socket.setNoDelay(true);
  peer.on('message', (data, binary) => { if (!sink || data.length === 1) peer.send(data, { binary }); });
});
process.stdin.on('end', () => process.exit(0)).resume();
