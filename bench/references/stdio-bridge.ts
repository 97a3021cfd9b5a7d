/**
 * The floor of HTTP in front of one stdio child: ids are replaced in the bytes, nothing is parsed or checked.
 * `node stdio-bridge.ts --port N --command '["node","server.ts"]'`. A yardstick, not a gateway.
 */

import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import http, { type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';

interface Waiting {
  readonly response: ServerResponse;
  readonly id: string;
  readonly greets: boolean;
}

const LINE_FEED = 10;
/** The id of a reply stands in front of its result, within so many bytes. */
const HEAD_BYTES = 256;
const KEEP_ALIVE_MS = 60_000;

const { values } = parseArgs({ options: { port: { type: 'string' }, command: { type: 'string', default: '[]' } } });
const [program = '', ...args] = JSON.parse(values.command) as string[];
const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map<number, Waiting>();
const outgoing: string[] = [];

/** Requests of one turn of the event loop leave in one write. */
function send(line: string): void {
  if (outgoing.push(line) > 1) return;
  setImmediate(() => child.stdin.write(outgoing.splice(0).join('')));
}

function deliver(line: Buffer): void {
  const found = /"id":(\d+)[,}]/.exec(line.toString('latin1', 0, Math.min(HEAD_BYTES, line.length)));
  const digits = found?.[1] ?? '';
  const call = waiting.get(Number(digits));
  if (found === null || call === undefined) return;
  waiting.delete(Number(digits));
  const at = found.index + '"id":'.length;
  const body = Buffer.concat([line.subarray(0, at), Buffer.from(call.id), line.subarray(at + digits.length)]);
  call.response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': body.length,
    ...(call.greets && { 'mcp-session-id': randomUUID() }),
  });
  call.response.end(body);
}

function readLines(onLine: (line: Buffer) => void): (chunk: Buffer) => void {
  const parts: Buffer[] = [];
  return (chunk) => {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      parts.push(chunk.subarray(start, end));
      onLine(Buffer.concat(parts.splice(0)));
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  };
}

child.stdout.on('data', readLines(deliver));

function serve(port: number): void {
  let lastId = 0;
  const server = http.createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const text = Buffer.concat(parts).toString();
      const found = /"id":("[^"]*"|\d+)/.exec(text);
      if (found?.[1] === undefined) {
        if (request.method === 'POST') send(`${text}\n`);
        response.writeHead(request.method === 'POST' ? 202 : 405).end();
        return;
      }
      const id = ++lastId;
      waiting.set(id, { response, id: found[1], greets: text.includes('"method":"initialize"') });
      send(`${text.slice(0, found.index + 5)}${id}${text.slice(found.index + found[0].length)}\n`);
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.listen({ port, host: '127.0.0.1', backlog: 2048 });
}

serve(Number(values.port));
