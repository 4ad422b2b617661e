// SPDX-License-Identifier: BSL-1.0
// A server of node's ws for the options of clients: prints "PORT n" and ends when stdin ends.
//
//     ws_client_side_server.js [--tls CERTIFICATE KEY]
//
// Compresses whatever is long enough; echoes, and answers "extensions" with what was agreed on. /relative redirects to
// /final.

const fs = require('fs');
const http = require('http');
const https = require('https');
const WebSocket = require('ws');

const [, certificate, key] = process.argv.slice(2);
const web = certificate
  ? https.createServer({cert: fs.readFileSync(certificate), key: fs.readFileSync(key)})
  : http.createServer();
const server = new WebSocket.Server({noServer: true, perMessageDeflate: {threshold: 16}});

web.on('upgrade', (request, socket, head) => {
  if (request.url === '/relative') {
    socket.end('HTTP/1.1 302 Found\r\nLocation: final\r\nContent-Length: 0\r\n\r\n');
    return;
  }
  server.handleUpgrade(request, socket, head, (ws) => {
    ws.on('error', () => {});
    ws.on('message', (data, isBinary) => {
      const text = isBinary ? '' : data.toString();
      if (text === 'extensions') {
        ws.send(ws.extensions);
      } else if (text === 'path') {
        ws.send(request.url);
      } else {
        ws.send(data, {binary: isBinary});
      }
    });
  });
});
web.listen(0, '127.0.0.1', () => console.log('PORT', web.address().port));

process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
