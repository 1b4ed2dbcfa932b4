// Node's HTTP server with every behaviour: node node.js PORT FOLDER
'use strict';
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');

const [port, folder] = process.argv.slice(2);
// Places that a redirect leads to are valid for so long.
const PLACE_MS = 300;
const requests = new Map();

function ranged(request, response, body, fields, status) {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  if (!range) {
    response.writeHead(status, { ...fields, 'Content-Length': body.length });
    return response.end(body);
  }
  const from = Number(range[1]);
  if (from >= body.length) {
    response.writeHead(416, { 'Content-Range': `bytes */${body.length}`, 'Content-Length': 0 });
    return response.end();
  }
  const rest = body.subarray(from);
  response.writeHead(206, {
    ...fields, 'Content-Length': rest.length, 'Content-Range': `bytes ${from}-${body.length - 1}/${body.length}`,
  });
  return response.end(rest);
}

// Sends half of the body, and closes the connection.
function cut(response, body, fields) {
  response.writeHead(200, { ...fields, 'Content-Length': body.length });
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
}

createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost');
  const [, kind, name] = url.pathname.split('/');
  const count = (requests.get(url.pathname) ?? 0) + 1;
  requests.set(url.pathname, count);
  const body = readFileSync(`${folder}/${kind === 'gzip' ? 'gzip' : 'plain'}/${name}`);
  const tag = { ETag: `"${name}"` };
  switch (kind) {
    case 'untagged': return ranged(request, response, body, {}, 200);
    case 'chunked': response.writeHead(200); response.write(body.subarray(0, 100)); return response.end(body.subarray(100));
    case 'gzip': return ranged(request, response, body, { ...tag, 'Content-Encoding': 'gzip' }, 200);
    case 'moved': response.writeHead(302, { Location: `/plain/${name}`, 'Content-Length': 0 }); return response.end();
    case 'empty': response.writeHead(204); return response.end();
    case 'unranged':
      if (request.headers.range) { response.writeHead(400, { 'Content-Length': 0 }); return response.end(); }
      return count === 1 ? cut(response, body, tag) : ranged(request, response, body, tag, 200);
    case 'cut': return count === 1 ? cut(response, body, tag) : ranged(request, response, body, tag, 200);
    case 'weak': return count === 1 ? cut(response, body, { ETag: `W/"${name}"` }) : ranged(request, response, body, { ETag: `W/"${name}"` }, 200);
    case 'later':
      if (count === 1) { response.writeHead(202, { 'Retry-After': '1', 'Content-Length': 5 }); return response.end('soon\n'); }
      return ranged(request, response, body, tag, 200);
    case 'expiring':
      response.writeHead(302, { Location: `/place/${name}?until=${Date.now() + PLACE_MS}`, 'Content-Length': 0 });
      return response.end();
    case 'place':
      if (Number(url.searchParams.get('until')) < Date.now()) { response.writeHead(403, { 'Content-Length': 0 }); return response.end(); }
      return count === 1 ? cut(response, body, tag) : ranged(request, response, body, tag, 200);
    default: return ranged(request, response, body, tag, 200);
  }
}).listen(Number(port), '127.0.0.1');
