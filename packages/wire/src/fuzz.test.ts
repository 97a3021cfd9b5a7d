/**
 * Mutated inputs into everything that reads bytes or text from outside: nothing may throw, hang, or give an answer that
 * contradicts itself. `SALLYPORT_FUZZ_RUNS` is the number of inputs in all (a share of the full 200,000 by default),
 * `SALLYPORT_FUZZ_SEED` repeats a run; the seed is printed.
 */

import { describe, expect, it } from 'vitest';
import { classifyRequest } from './envelope.ts';
import {
  checkParamHeaders,
  checkStandardHeaders,
  decodeHeaderValue,
  encodeHeaderValue,
  mirrorParams,
  paramHeaders,
  type HeaderBag,
} from './headers.ts';
import type { JsonValue } from './json.ts';
import { applyEdits, members } from './json-text.ts';
import { classify, readMessage, type JsonRpcRequest } from './message.ts';
import { resultBytes, resultHead, scanResult } from './response-bytes.ts';
import { createSseReader, sseEvent } from './sse.ts';

const runs = Number(process.env['SALLYPORT_FUZZ_RUNS'] ?? 40_000);
const seed = Number(process.env['SALLYPORT_FUZZ_SEED'] ?? Math.floor(Math.random() * 0x1_0000_0000));
const targets = 4;

type Random = (below: number) => number;

/** Mulberry32: small, and the same everywhere. */
function randomFrom(start: number): Random {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const meta =
  '"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"progressToken":1}';
const corpus: readonly string[] = [
  `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a__b","arguments":{"p":"/x","n":[1,-0,1e400]},${meta}}}`,
  `{ "jsonrpc" : "2.0", "id" : "é\\ud800", "method" : "resources/read", "params" : {"uri":"file:///\\u0000","x":{"y":[{},[]]}} }`,
  '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}',
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":0.5}}',
  '[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"x"},1,[]]',
  '{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"say \\"}},\\\\\\" {[\\n"}],"_meta":{"id":5}}}',
  '{"result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}]},"jsonrpc":"2.0","id":17}\n',
  '{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no","data":[1]}}',
  'event: message\r\nid: 7\r\nretry: 10\r\ndata: {"jsonrpc":"2.0",\r\ndata: "id":1,"result":{}}\r\n\r\n: ping\n\ndata\n\n',
  '\ufeffid\n\nid: a\0b\ndata: x\r\rdata:y\n\n',
  '=?base64?w6k=?=',
  '{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"Region"},"b":{"items":{"x-mcp-header":"X"}}}}',
];
const fragments = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u',
  ':',
  ',',
  '\n',
  '\r',
  '\0',
  ' ',
  '\ufeff',
  'data:',
  'id:',
  '"id":2',
  ',"method":"x"',
  '"jsonrpc":"2.0"',
  '}}',
  '=?base64?',
  '?=',
  '-',
  '1e999',
  '9007199254740993',
  'null',
  '__proto__',
  '\ud800',
  '\u2028',
  '\u007f',
  'é',
  '"x-mcp-header"',
];

const pick = <T>(random: Random, list: readonly T[]): T => list[random(list.length)] as T;

/** One input: a seed of the corpus after up to eight cuts, copies, insertions, swaps and splices. At most some KiB. */
function mutated(random: Random): string {
  let text = pick(random, corpus);
  for (let left = random(9); left > 0 && text.length < 8192; left--) {
    const [a, b] = [random(text.length + 1), random(text.length + 1)].toSorted((x, y) => x - y) as [number, number];
    switch (random(7)) {
      case 0:
        text = text.slice(0, a) + text.slice(b);
        break;
      case 1:
        text = text.slice(0, b) + text.slice(a);
        break;
      case 2:
        text = text.slice(0, a) + pick(random, fragments) + text.slice(a);
        break;
      case 3:
        text = text.slice(0, a) + String.fromCharCode(random(256)) + text.slice(a + 1);
        break;
      case 4:
        text = text.slice(0, a) + pick(random, corpus).slice(random(40)) + text.slice(b);
        break;
      case 5:
        text = text.slice(0, a) + pick(random, fragments).repeat(random(200)) + text.slice(a);
        break;
      default:
        text = text.slice(0, a);
    }
  }
  return text;
}

/** Runs `check` on this target's share of the inputs; a failure names the seed and the input. */
function fuzz(target: number, check: (text: string, random: Random) => void): void {
  const random = randomFrom(seed + target);
  for (let run = 0; run < runs / targets; run++) {
    const text = mutated(random);
    try {
      check(text, random);
    } catch (error) {
      throw new Error(`SALLYPORT_FUZZ_SEED=${seed}, target ${target}, run ${run}: ${JSON.stringify(text)}`, {
        cause: error,
      });
    }
  }
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
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

describe(`fuzz: ${runs} inputs, SALLYPORT_FUZZ_SEED=${seed}`, { timeout: 600_000 }, () => {
  it('envelope', () => {
    fuzz(0, (text) => {
      const incoming = readMessage(text);
      const value = parsed(text);
      expect(value !== undefined || (incoming.kind === 'invalid' && incoming.error.key === 'parse')).toBe(true);
      if (incoming.kind === 'batch') incoming.entries.forEach((entry) => classify(entry));
      if (incoming.kind !== 'request') return;
      expect(incoming.message).toEqual(value);
      const { era } = classifyRequest(incoming.message);
      expect(['session', 'stateless', 'refused']).toContain(era);
      const id = members(text, 0)?.get('id');
      if (id === undefined) return;
      expect(parsed(applyEdits(text, [{ ...id, text: '4711' }]))).toEqual({ ...incoming.message, id: 4711 });
    });
  });

  it('headers', () => {
    fuzz(1, (text, random) => {
      const encoded = encodeHeaderValue(text);
      expect(/^[\x20-\x7e\t]+$/.test(encoded) && decodeHeaderValue(encoded) === text.toWellFormed()).toBe(true);
      const other = mutated(random);
      decodeHeaderValue(other);
      decodeHeaderValue(`=?base64?${other}?=`);
      const message: JsonRpcRequest = {
        jsonrpc: '2.0',
        id: 1,
        method: pick(random, ['tools/call', other]),
        params: { name: text },
      };
      const headers: HeaderBag = {
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': message.method,
        'mcp-name': pick(random, [encoded, other, undefined]),
      };
      const agrees = checkStandardHeaders(headers, message) === undefined && message.method === 'tools/call';
      expect(!agrees || decodeHeaderValue(headers['mcp-name'] as string) === text).toBe(true);
      const declared = paramHeaders(parsed(other));
      if (!declared.valid) return;
      const args = { a: text, b: [text] };
      expect(checkParamHeaders(declared.declarations, args, mirrorParams(declared.declarations, args))?.key).toBe(
        text.isWellFormed() || declared.declarations.length === 0 ? undefined : 'header_mismatch',
      );
    });
  });

  it('response bytes', () => {
    fuzz(2, (text, random) => {
      const bytes = Buffer.from(text);
      const whole = resultBytes(bytes);
      expect(followed(bytes, random)).toBe(whole !== undefined && resultHead(bytes) !== undefined);
      const value = parsed(bytes.toString());
      if (whole === undefined || value === undefined) return;
      expect(parsed(Buffer.concat([whole.before, Buffer.from('4711'), whole.after]).toString())).toEqual({
        ...(value as object),
        id: 4711,
      });
      expect(Object.keys(value as object)).toHaveLength(3);
    });
  });

  it('SSE', () => {
    fuzz(3, (text, random) => {
      const stream = Buffer.from(text);
      const limit = 16 + random(4096);
      const seen = (sizes: () => number): unknown[] => {
        const out: unknown[] = [];
        const reader = createSseReader({
          maxEventBytes: limit,
          onEvent: ({ event, data, id }) => {
            expect(data.length <= limit).toBe(true);
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
      expect(seen(() => random(9))).toEqual(seen(() => stream.length));
      let events = 0;
      const reader = createSseReader({ maxEventBytes: 1 << 20, onEvent: () => events++, onOversize: () => undefined });
      reader.push(Buffer.from(sseEvent(text, { id: text, event: text })));
      expect(events).toBe(1);
    });
  });
});
