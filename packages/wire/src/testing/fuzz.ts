/**
 * What is asked of the readers of this package for any input (`npm run fuzz`): nothing throws, and no two answers about the same
 * input contradict each other. It makes no inputs.
 */

import assert from 'node:assert/strict';
import { classifyRequest } from '../envelope.ts';
import {
  checkParamHeaders,
  checkStandardHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  mirrorParams,
  paramHeaders,
  type HeaderBag,
} from '../headers.ts';
import type { JsonValue } from '../json.ts';
import { applyEdits, members } from '../json-text.ts';
import { classify, readMessage, type JsonRpcRequest } from '../message.ts';
import { resultBytes, resultHead, scanResult } from '../response-bytes.ts';
import { createSseReader, sseEvent } from '../sse.ts';

/** A whole number from 0 on, below a limit. */
type Random = (below: number) => number;

const META =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"progressToken":1}';

export const MESSAGES: readonly string[] = [
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a__b","arguments":{"p":"/x","n":[1,-0,1e400]},${META}}}`,
  `{ "jsonrpc" : "2.0", "id" : "é\\ud800", "method" : "resources/read", "params" : {"uri":"file:///\\u0000","x":{"y":[{},[]]}} }`,
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}',
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":0.5}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},1,[]]',
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no","data":[1]}}',
];

export const RESPONSES: readonly string[] = [
  '{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"say \\"}},\\\\\\" {[\\n"}],"_meta":{"id":5}}}',
  '{"result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}]},"jsonrpc":"2.0","id":17}\n',
  '{"jsonrpc":"2.0","id":17,"error":{"code":-32601,"message":"no","data":[1]}}',
];

export const HEADER_VALUES: readonly string[] = [
  '=?base64?w6k=?=',
  'files__read',
  '{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"items":{"x-mcp-header":"X"}}}}',
];

export const STREAMS: readonly string[] = [
  'event: message\r\nid: 7\r\nretry: 10\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":1,"result":{}}\r\n\r\n: ping\n\ndata\n\n',
  '\ufeffid\n\nid: a\0b\ndata: x\r\rdata:y\n\n',
];

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

const STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/g;

/** Names of members that stand in a JSON text, and those that are left of them in its value. */
function names(text: string, value: JsonValue): readonly [written: number, read: number] {
  const written = [...text.matchAll(STRING)].filter(([, colon]) => colon !== undefined).length;
  let read = 0;
  JSON.stringify(value, (_name, each: JsonValue) => {
    if (typeof each === 'object' && each !== null && !Array.isArray(each)) read += Object.keys(each).length;
    return each;
  });
  return [written, read];
}

/** Reads a message of a client; what it takes for JSON is JSON without a name twice, and another id can be put into it. */
export function checkMessage(text: string): void {
  const incoming = readMessage(text);
  const value = parsed(text);
  assert(value !== undefined || (incoming.kind === 'invalid' && incoming.error.key === 'parse'));
  if (incoming.kind === 'batch') incoming.entries.forEach((entry) => classify(entry));
  if (incoming.kind !== 'request') return;
  const { message } = incoming;
  const renamed = { ...message, id: 4711 };
  assert.deepEqual(message, value);
  assert.equal(...names(text, value as JsonValue));
  const { era } = classifyRequest(message);
  assert(['session', 'stateless', 'refused'].includes(era));
  const id = members(text, 0)?.get('id');
  if (id === undefined) return;
  assert.deepEqual(parsed(applyEdits(text, [{ ...id, text: '4711' }])), renamed);
}

/** Values of headers come back as they were, and headers that agree with a message say what it says. */
export function checkHeaders(text: string, random: Random): void {
  const encoded = encodeHeaderValue(text);
  assert.match(encoded, /^[\x20-\x7e\t]+$/);
  assert.equal(decodeHeaderValue(encoded), text.toWellFormed());
  decodeHeaderValue(text);
  decodeHeaderValue(`=?base64?${text}?=`);
  const message: JsonRpcRequest = {
    jsonrpc: '2.0',
    id: 1,
    method: random(2) === 0 ? 'tools/call' : text,
    params: { name: text },
  };
  const headers: HeaderBag = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': message.method,
    'mcp-name': [encoded, text, undefined][random(3)],
  };
  const agrees = checkStandardHeaders(headers, message) === undefined && message.method === 'tools/call';
  assert(!agrees || decodeHeaderValue(headers['mcp-name'] as string) === text);
  const declared = paramHeaders(parsed(text));
  if (!declared.valid) return;
  const args = { a: text, b: [text] };
  const found = checkParamHeaders(declared.declarations, args, mirrorParams(declared.declarations, args))?.key;
  assert.equal(found, text.isWellFormed() || declared.declarations.length === 0 ? undefined : 'header_mismatch');
}

/** Whether head and scan take the bytes for a response, the scan in small pieces. White space at the end is allowed. */
function followed(bytes: Buffer, random: Random): boolean {
  const head = resultHead(bytes);
  if (head === undefined) return false;
  const scan = scanResult();
  for (let at = 0; at < head.after.length;) {
    const size = 1 + random(40);
    if (!scan.push(head.after.subarray(at, at + size))) return false;
    at += size;
  }
  return scan.ended;
}

/** A response is cut at its id alike whether it comes whole or in pieces, and is the same JSON with another id. */
export function checkResponse(text: string, random: Random): void {
  const bytes = Buffer.from(text);
  const whole = resultBytes(bytes);
  assert.equal(followed(bytes, random), whole !== undefined && resultHead(bytes) !== undefined);
  const value = parsed(bytes.toString());
  if (whole === undefined || value === undefined) return;
  const renamed = parsed(Buffer.concat([whole.before, Buffer.from('4711'), whole.after]).toString());
  assert.deepEqual(renamed, { ...(value as object), id: 4711 });
  assert.equal(Object.keys(value as object).length, 3);
}

/** A stream of events is read alike however it is cut, no event is over its limit, and a text that is written is one event. */
export function checkStream(text: string, random: Random): void {
  const stream = Buffer.from(text);
  const limit = 16 + random(4096);
  const seen = (sizes: () => number): unknown[] => {
    const out: unknown[] = [];
    const reader = createSseReader({
      maxEventBytes: limit,
      onEvent: ({ event, data, id }) => {
        assert(data.length <= limit);
        out.push([event, data.toString('latin1'), id]);
      },
      onOversize: () => out.push('oversize'),
    });
    for (let at = 0; at < stream.length;) {
      const size = sizes();
      reader.push(stream.subarray(at, at + size));
      at += size;
    }
    return [...out, reader.lastId, reader.retryMs];
  };
  assert.deepEqual(
    seen(() => 1 + random(9)),
    seen(() => stream.length),
  );
  let events = 0;
  const reader = createSseReader({ maxEventBytes: 1 << 20, onEvent: () => events++, onOversize: () => undefined });
  reader.push(Buffer.from(sseEvent(text, { id: text, event: text })));
  assert.equal(events, 1);
}
