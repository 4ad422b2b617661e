// SPDX-License-Identifier: BSL-1.0
// A server of events on node's http: prints "PORT n" and serves until its input ends. Three events for each visit, from
// Last-Event-ID on; 204 behind the seventh.

const http = require('http');

const server = http.createServer((request, response) => {
  const last = Number(request.headers['last-event-id'] ?? 0);
  if (last === 7) return response.writeHead(204).end();
  response.writeHead(200, {'Content-Type': 'text/event-stream'});
  response.write('retry: 20\n\n');
  for (let number = last + 1; number < Math.min(last + 4, 8); ++number) {
    response.write(`event: count\nid: ${number}\ndata: number ${number}\ndata: \u20ac\n\n`);
  }
  return setTimeout(() => response.end(), 5);
});

server.listen(0, '127.0.0.1', () => console.log('PORT', server.address().port));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
