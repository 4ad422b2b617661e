// SPDX-License-Identifier: BSL-1.0
// Node's own EventSource: follows the events of the server on a port until it is sent away, and exits with 0 when
// everything was right.
//
//     node --experimental-eventsource sse_client.js PORT

// It does not keep the process alive while it waits to connect again.
setTimeout(() => {
  console.error('not sent away in time, got', got);
  process.exit(1);
}, 20000);

const got = [];
const source = new EventSource(`http://127.0.0.1:${process.argv[2]}/events`);
source.addEventListener('count', (event) => got.push([event.data, event.lastEventId]));
source.onerror = () => {
  if (source.readyState !== EventSource.CLOSED) return;  // it will connect again
  const expected = [1, 2, 3, 4, 5, 6, 7].map((number) => [`number ${number}\n\u20ac`, `${number}`]);
  const right = JSON.stringify(got) === JSON.stringify(expected);
  if (!right) console.error(got);
  process.exit(right ? 0 : 1);
};
