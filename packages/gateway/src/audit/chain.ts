/**
 * One record as a line of its chain, and the head of a chain. A line ends with the hash of the line before and its own; the
 * last line of every batch also carries a MAC of its hash, and with it all before are sealed. The head says, under a MAC,
 * how far the chain had come: so that a tail that was cut off is missed. Pure: nothing is read or written here.
 *
 * A hash is SHA-256 in lower-case hexadecimal, over the line as it would be without its own hash and MAC.
 */

import { createHmac, hash, timingSafeEqual, type KeyObject } from 'node:crypto';

/** `members`: the record as JSON members, without braces. */
export function linkLine(members: string, prev: string): { readonly line: string; readonly hash: string } {
  const hashed = `{${members},"prev":"${prev}"}`;
  const own = hash('sha256', hashed);
  return { line: `${hashed.slice(0, -1)},"hash":"${own}"}`, hash: own };
}

/** What stands before the first record: no other chain begins like this. */
export function chainRoot(chain: string): string {
  return hash('sha256', `sallyport audit chain ${chain}`);
}

/** The last line of a batch with its seal. */
export function sealLine(line: string, own: string, chain: string, key: KeyObject): string {
  return `${line.slice(0, -1)},"mac":"${macOf(`record ${chain} ${own}`, key)}"}`;
}

export interface ParsedLine {
  readonly prev: string;
  readonly hash: string;
  readonly mac: string | undefined;
  /** The hash is that of this very text. */
  readonly isWhole: boolean;
}

const TAIL = /,"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"(?:,"mac":"([0-9a-f]{64})")?\}$/;

/** Undefined: no line of a chain. */
export function parseLine(line: string): ParsedLine | undefined {
  const [tail = '', prev = '', own = '', mac] = TAIL.exec(line) ?? [];
  if (tail === '') return undefined;
  const hashed = `${line.slice(0, -tail.length)},"prev":"${prev}"}`;
  return { prev, hash: own, mac, isWhole: hash('sha256', hashed) === own };
}

export function isSealed({ hash: own, mac }: ParsedLine, chain: string, key: KeyObject): boolean {
  return mac !== undefined && isMac(mac, `record ${chain} ${own}`, key);
}

/** How far a chain has come. */
export interface Head {
  readonly chain: string;
  /** The first segment that is still there, with the first record in it and what that record names as the one before. */
  readonly first: { readonly segment: number; readonly seq: number; readonly prev: string };
  /** The segment that was written last, and the last record in it. */
  readonly segment: number;
  readonly seq: number;
  readonly hash: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Two of them stand in a file, written in turn: a write that is interrupted spoils one at most. */
export const HEAD_BYTES = 1024;

/** `HEAD_BYTES` long, with a line break. */
export function headText(head: Head, key: KeyObject): string {
  const { chain, first, hash: own, segment, seq, time } = head;
  const plain = JSON.stringify({ chain, first, segment, seq, hash: own, time });
  return `${plain.slice(0, -1)},"mac":"${macOf(`head ${plain}`, key)}"}`.padEnd(HEAD_BYTES - 1).concat('\n');
}

/** The newest of what stands in a head's file; undefined: nothing in it is genuine. */
export function readHead(text: string, chain: string, key: KeyObject): Head | undefined {
  const heads = text.split('\n').flatMap((line): Head[] => {
    const [, plain, mac] = /^(\{.*),"mac":"([0-9a-f]{64})"\} *$/.exec(line) ?? [];
    if (plain === undefined || mac === undefined || !isMac(mac, `head ${plain}}`, key)) return [];
    const head = JSON.parse(`${plain}}`) as Head;
    return head.chain === chain ? [head] : [];
  });
  return heads.toSorted((one, other) => other.seq - one.seq || other.first.segment - one.first.segment)[0];
}

function macOf(text: string, key: KeyObject): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

function isMac(mac: string, text: string, key: KeyObject): boolean {
  return timingSafeEqual(Buffer.from(mac, 'hex'), Buffer.from(macOf(text, key), 'hex'));
}
