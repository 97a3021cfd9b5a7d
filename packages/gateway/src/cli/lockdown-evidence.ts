/**
 * The evidence of a lockdown: one file (tar in gzip, 0600) with what stands in it listed with hashes. It collects; what is
 * worth collecting is lockdown.ts.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { auditFolder } from '../wiring/audit-trail.ts';
import { fileHash } from './backup-state.ts';

/** A file of the evidence: text, or so much of the end of a file. */
export type Part =
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly path: string; readonly lastBytes?: number };

const BLOCK = 512;
const FOLDER = 'sallyport-evidence';
const LOG_BYTES = 4 * 1024 * 1024;

/** Writes a new file. Gives its SHA-256. What has gone meanwhile is left out. */
export async function writeEvidence(path: string, parts: readonly Part[], atMs: number): Promise<string> {
  const output = createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(Readable.from(tar(parts, atMs)), createGzip(), output);
  return await fileHash(path);
}

/** Logs of gateways in the background, and the files of the trail as they are. */
export async function stateParts(state: string): Promise<readonly Part[]> {
  const logs = (await readdir(state)).filter((name) => /^daemon.*\.log(?:\.1)?$/.test(name));
  const folder = auditFolder(state);
  const chains = (await readdir(folder).catch((): string[] => [])).filter((name) =>
    /\.(?:jsonl|head|torn)$/.test(name),
  );
  return [
    ...logs.map((name) => ({ name: `log/${name}`, path: join(state, name), lastBytes: LOG_BYTES })),
    ...chains.map((name) => ({ name: `audit/${name}`, path: join(folder, name) })),
  ];
}

async function* tar(parts: readonly Part[], atMs: number): AsyncGenerator<Uint8Array> {
  const sums: string[] = [];
  for (const part of parts) {
    const hash = createHash('sha256');
    const opened = await open(part);
    if (opened === undefined) continue;
    yield header(part.name, opened.size, atMs);
    for await (const bytes of opened.bytes) {
      hash.update(bytes);
      yield bytes;
    }
    yield padding(opened.size);
    sums.push(`${hash.digest('hex')}  ${part.name}\n`);
  }
  const list = Buffer.from(sums.join(''));
  yield header('SHA256SUMS', list.length, atMs);
  yield list;
  yield padding(list.length);
  yield Buffer.alloc(2 * BLOCK);
}

interface OpenPart {
  readonly size: number;
  readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

async function open(part: Part): Promise<OpenPart | undefined> {
  if ('text' in part) {
    const bytes = Buffer.from(part.text);
    return { size: bytes.length, bytes: [bytes] };
  }
  const facts = await stat(part.path).catch(() => undefined);
  if (facts === undefined) return undefined;
  const size = Math.min(facts.size, part.lastBytes ?? facts.size);
  return { size, bytes: exactly(part.path, facts.size - size, size) };
}

/** A file that is shortened meanwhile ends in zeros: the archive has said how long it is. */
async function* exactly(path: string, start: number, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return;
  let left = size;
  for await (const chunk of createReadStream(path, { start, end: start + size - 1 })) {
    left -= (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (left > 0) yield Buffer.alloc(left);
}

/** POSIX ustar. */
function header(name: string, size: number, atMs: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
  block.write(`${FOLDER}/${name}`, 0, 100);
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(Math.floor(atMs / 1000), 12), 136);
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}
