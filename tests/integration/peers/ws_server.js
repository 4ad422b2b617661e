// SPDX-License-Identifier: BSL-1.0
// A server of node's ws: prints "PORT n", then "CLOSED code" for each connection, until stdin ends.

const WebSocket = require('ws');

const server = new WebSocket.Server({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  handleProtocols: (offered) => [...offered].includes('chat') ? 'chat' : false,
});

server.on('listening', () => console.log('PORT', server.address().port));
server.on('connection', (ws, request) => {
  ws.on('close', (code) => console.log('CLOSED', code));
  ws.on('error', () => {});
  if (request.url === '/close') {
    ws.close(4001, 'from the server');
  } else if (request.url === '/fragments') {
    ws.send('a ', {fin: false});
    ws.send('fragmented ', {fin: false});
    ws.send('message', {fin: true});
  } else if (request.url === '/ping') {
    ws.on('pong', () => ws.send('ponged'));
    ws.ping('from the server');
  } else {
    ws.on('message', (data, isBinary) => ws.send(data, {binary: isBinary}));
  }
});

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
