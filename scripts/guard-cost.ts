/**
 * What the guard of content costs, without a gateway around it: CPU of each look at a mebibyte in which there is nothing, and of the
 * checks that small calls and definitions get. Prints a table; docs/GUARD.md holds one. `node scripts/guard-cost.ts [ROUNDS]`.
 */
import { createHash } from 'node:crypto';
import { createCheckArguments } from '../packages/gateway/src/guard/arguments.ts';
import { inspectDefinition } from '../packages/gateway/src/guard/injection/inspect.ts';
import { findFormats } from '../packages/gateway/src/guard/secrets/formats.ts';
import { createOwnSecrets, secretsIn } from '../packages/gateway/src/guard/secrets/own.ts';

const ROUNDS = Number(process.argv[2] ?? 15);
const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
/** What a chunk is looked at again with, as the gateway does with tokens of this length. */
const HELD = 2048;

/** The same bytes in every run. */
function noise(bytes: number): Buffer {
  const parts = Array.from({ length: Math.ceil(bytes / 64) }, (_, n) => createHash('sha512').update(`${n}`).digest());
  return Buffer.concat(parts).subarray(0, bytes);
}

function filled(line: (n: number) => string): Buffer {
  let text = '';
  for (let n = 0; text.length < MIB; n++) text += line(n);
  return Buffer.from(JSON.stringify({ content: [{ type: 'text', text }] })).subarray(0, MIB);
}

const record = (n: number): string =>
  `${JSON.stringify({ id: `item_${n}`, created_at: '2026-11-22T10:00:00Z', is_open: n % 2 === 0, size: n * 37 })}\n`;
const source = (n: number): string =>
  `export function readFile${n}(path: string): Promise<Buffer> {\n  return this.files.open(path, { flags: 'r' });\n}\n`;

const TEXTS: Readonly<Record<string, Buffer>> = {
  prose: filled(() => 'The quick brown fox jumps over the lazy dog. '),
  'JSON in text': filled(record),
  code: filled(source),
  base64: Buffer.from(noise(MIB).toString('base64').slice(0, MIB)),
  hexadecimal: Buffer.from(noise(MIB / 2).toString('hex')),
};

const own = createOwnSecrets();
own.hold(
  'bench',
  Array.from({ length: 20 }, (_, n) => createHash('sha256').update(`secret ${n}`).digest('base64url')),
);

const DESCRIPTION =
  'Searches issues and pull requests of a repository. Results are sorted by the time of their last change. ';
const definition = {
  name: 'search_issues',
  description: DESCRIPTION.repeat(4),
  inputSchema: {
    type: 'object',
    properties: { query: { type: 'string', description: DESCRIPTION }, limit: { type: 'integer', minimum: 1 } },
    required: ['query'],
    additionalProperties: false,
  },
};
const args = { query: 'x'.repeat(80), limit: 10 };
const check = createCheckArguments({
  strict: () => false,
  log: () => undefined,
});
const checked = { id: 'up__search_issues', schema: definition.inputSchema, args, era: 'session' } as const;
const call = Buffer.from(
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'n', arguments: args } }),
);

/** Least CPU of one run in milliseconds: what disturbs only adds to it. */
async function cost(times: number, run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (let time = 0; time < times; time++) {
      const done = run();
      if (done instanceof Promise) await done;
    }
    const { system, user } = process.cpuUsage(before);
    least = Math.min(least, (system + user) / 1000 / times);
  }
  return least;
}

function inChunks(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const chunk = bytes.subarray(Math.max(0, at - HELD), at + CHUNK);
    if (secretsIn(chunk, own) !== undefined) return true;
  }
  return false;
}

const rows: (readonly [string, string])[] = [];
const milliseconds = (ms: number): string => `${ms.toFixed(3)} ms`;
const microseconds = (ms: number): string => `${(ms * 1000).toFixed(2)} µs`;
for (const [name, bytes] of Object.entries(TEXTS)) {
  rows.push([`1 MiB of ${name}: own credentials`, milliseconds(await cost(20, () => own.literals.holds(bytes)))]);
  rows.push([`1 MiB of ${name}: known formats`, milliseconds(await cost(20, () => findFormats(bytes)))]);
  rows.push([`1 MiB of ${name}: both, in chunks of 64 KiB`, milliseconds(await cost(20, () => inChunks(bytes)))]);
}
const small = (): unknown => secretsIn(call, own);
rows.push(['a call of 100 B: both', microseconds(await cost(20_000, small))]);
check(checked);
rows.push(['arguments of 100 B, schema known', microseconds(await cost(20_000, () => check(checked)))]);
const first = (): unknown => check({ ...checked, schema: { ...definition.inputSchema } });
rows.push(['arguments of 100 B, schema new', microseconds(await cost(500, first))]);
rows.push(['a definition: hidden instructions', microseconds(await cost(200, () => inspectDefinition(definition)))]);

const width = Math.max(...rows.map(([name]) => name.length));
for (const [name, value] of rows) console.log(`${name.padEnd(width)} ${value.padStart(10)}`);
