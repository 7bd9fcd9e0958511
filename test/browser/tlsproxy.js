// A forward proxy that accepts only CONNECT requests and closes every tunnel that does not begin with a TLS handshake.
// Usage: node tlsproxy.js ADDRESS PORT
import { createServer } from 'node:http';
import { connect } from 'node:net';

const [address, port] = process.argv.slice(2);
const tlsHandshake = 0x16; // the content type of the first record (RFC 8446, section 5.1)

const proxy = createServer((request, response) => response.writeHead(403).end('only CONNECT is allowed\n'));
proxy.on('connect', (request, client, head) => {
  const { hostname, port } = new URL(`tcp://${request.url}`);
  const server = connect(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
    client.write('HTTP/1.1 200 OK\r\n\r\n');
    if (head.length > 0) client.unshift(head);
    client.once('data', (first) => {
      if (first[0] !== tlsHandshake) {
        client.destroy();
        return;
      }
      server.write(first);
      client.pipe(server);
    });
    server.pipe(client);
  });
  for (const [one, other] of [[client, server], [server, client]]) one.on('error', () => other.destroy()).on('close', () => other.destroy());
});
proxy.listen(Number(port), address, () => console.log('listening'));
