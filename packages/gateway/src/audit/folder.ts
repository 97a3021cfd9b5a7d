/**
 * The folder of the trail: a chain for each process that writes (`<start>-<pid>`), its segments (`….0001.jsonl`), its head
 * (`….head`), a lock while it is written, and what was kept apart after a crash (`….torn`). Names and reading; it changes
 * nothing.
 */

import type { KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HEAD_BYTES, readHead, type Head } from './chain.ts';

/** What a reader needs to understand the folder. */
export interface TrailKeys {
  /** For seals and heads. */
  readonly mac: KeyObject;
  /** What was encrypted; undefined: not with this key, or not in this place. */
  readonly unseal: (sealed: string, bound: string) => string | undefined;
}

/** A chain as its files are named. */
export interface ChainFiles {
  readonly chain: string;
  /** Numbers of the segments that are there, ascending. */
  readonly segments: readonly number[];
  readonly hasHead: boolean;
  /** Nobody has ended it in order: its writer runs, or was killed. */
  readonly isOpen: boolean;
}

const NAME = /^(\d{8}T\d{9}Z-\d{1,10})\.(?:(\d{4,9})\.jsonl|(head)|(lock)|torn)$/;

/** Of a chain that begins now. Sorts by time. */
export function chainName(startMs: number, pid: number): string {
  return `${new Date(startMs).toISOString().replaceAll(/[-:.]/g, '')}-${pid}`;
}

/** When it began: milliseconds since 1970. */
export function chainStartMs(chain: string): number {
  const [, year, month, day, hour, minute, second, ms] =
    /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z/.exec(chain) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
}

export function segmentPath(folder: string, chain: string, segment: number): string {
  return join(folder, `${chain}.${String(segment).padStart(4, '0')}.jsonl`);
}

export function headPath(folder: string, chain: string): string {
  return join(folder, `${chain}.head`);
}

export function lockPath(folder: string, chain: string): string {
  return join(folder, `${chain}.lock`);
}

/** All that a lock leaves behind. */
export function lockPaths(folder: string, chain: string): readonly string[] {
  return ['', '-journal', '.gate'].map((end) => `${lockPath(folder, chain)}${end}`);
}

export function tornPath(folder: string, chain: string): string {
  return join(folder, `${chain}.torn`);
}

/** All chains, the oldest first. A folder that is not there has none. */
export async function listChains(folder: string): Promise<readonly ChainFiles[]> {
  const chains = new Map<string, { segments: number[]; hasHead: boolean; isOpen: boolean }>();
  for (const name of await namesIn(folder)) {
    const [, chain, segment, head, lock] = NAME.exec(name) ?? [];
    if (chain === undefined) continue;
    const files = chains.get(chain) ?? { segments: [], hasHead: false, isOpen: false };
    chains.set(chain, files);
    if (segment !== undefined) files.segments.push(Number(segment));
    files.hasHead ||= head !== undefined;
    files.isOpen ||= lock !== undefined;
  }
  return [...chains]
    .map(([chain, files]) => ({ chain, ...files, segments: files.segments.toSorted((one, other) => one - other) }))
    .toSorted((one, other) => (one.chain < other.chain ? -1 : 1));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

/** Undefined: there is none, or none that is genuine. */
export async function headOf(folder: string, chain: string, key: KeyObject): Promise<Head | undefined> {
  try {
    const bytes = await readFile(headPath(folder, chain));
    return readHead(bytes.subarray(0, 2 * HEAD_BYTES).toString('utf8'), chain, key);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
