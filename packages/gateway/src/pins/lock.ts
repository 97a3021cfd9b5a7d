/**
 * `sallyport.lock`: pins that are meant for everybody who has the repository, beside the configuration and reviewed with it.
 * It has whole definitions, so that a change to it can be read. Hashes are made anew when it is read.
 */

import { isObject, type JsonObject } from '@sallyport/wire';
import { canonicalId } from '../canonical-id.ts';
import { canonicalText, pinHash } from './canonical.ts';
import type { Accepted, ServerRecord } from './record.ts';

/** What is meant of a server's tools, by their names there. */
export type LockedTools = ReadonlyMap<string, readonly Accepted[]>;

/** What a server's command fetches, as the room of installs has it. */
export interface LockedPackage {
  /** As the configuration names it. */
  readonly spec: string;
  readonly version: string;
  readonly integrity?: string;
}

/** By server. */
export type Lock = ReadonlyMap<string, { readonly tools: LockedTools; readonly package?: LockedPackage }>;

export const NO_LOCK: Lock = new Map();

const VERSION = 1;

export interface LockedServer {
  readonly identity: string;
  readonly record: ServerRecord;
  readonly package?: LockedPackage | undefined;
}

/** Undefined where there is no such file. Throws an error for a person. */
export function readLock(text: string | undefined, path: string): Lock {
  if (text === undefined) return NO_LOCK;
  const wrong = (what: string): Error =>
    new Error(`${path}: ${what}. \`sallyport pins lock\` writes it anew; take it away to go without.`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong('this is no JSON');
  }
  if (!isObject(value) || value['version'] !== VERSION) throw wrong(`expected \`version\` ${VERSION}`);
  const { servers } = value;
  if (!isObject(servers)) throw wrong('expected `servers`');
  return new Map(
    Object.entries(servers).map(([server, entry]) => {
      const { identity, package: fetched, tools } = isObject(entry) ? entry : {};
      if (typeof identity !== 'string' || !Array.isArray(tools)) throw wrong(`\`servers.${server}\` is not as written`);
      const named = packageOf(fetched);
      if (named === undefined && fetched !== undefined) throw wrong(`\`servers.${server}.package\` is not as written`);
      const definitions = tools.map((tool) => definitionOf(tool) ?? wrong(`a tool of ${server} is not as written`));
      return [server, { tools: toolsOf(server, identity, definitions), ...(named && { package: named }) }];
    }),
  );
}

function packageOf(value: unknown): LockedPackage | undefined {
  const { integrity, spec, version } = isObject(value) ? value : {};
  if (typeof spec !== 'string' || typeof version !== 'string') return undefined;
  if (integrity === undefined) return { spec, version };
  return typeof integrity === 'string' ? { spec, version, integrity } : undefined;
}

function definitionOf(tool: unknown): JsonObject | undefined {
  return isObject(tool) && typeof tool['name'] === 'string' ? tool : undefined;
}

function toolsOf(server: string, identity: string, tools: readonly (JsonObject | Error)[]): LockedTools {
  const locked = new Map<string, Accepted[]>();
  for (const tool of tools) {
    if (tool instanceof Error) throw tool;
    const name = tool['name'] as string;
    const hash = pinHash(identity, canonicalId(server, name), tool);
    locked.set(name, [...(locked.get(name) ?? []), { hash, tool, by: 'approval' }]);
  }
  return locked;
}

/** The text of a lock with what stands, in an order that no machine changes. */
export function lockText(servers: ReadonlyMap<string, LockedServer>): string {
  const written = [...servers]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([server, { identity, package: fetched, record }]) => {
      const tools = [...record.values()].flatMap(({ accepted }) => accepted.map(({ tool }) => tool));
      return [
        server,
        { identity, ...(fetched && { package: fetched }), tools: [...new Set(tools)].map(sorted).toSorted(byText) },
      ];
    });
  return `${JSON.stringify({ version: VERSION, servers: Object.fromEntries(written) }, null, 2)}\n`;
}

function sorted(tool: JsonObject): JsonObject {
  return JSON.parse(canonicalText(tool)) as JsonObject;
}

function byText(one: JsonObject, other: JsonObject): number {
  const [left, right] = [canonicalText([one['name'] ?? '', one]), canonicalText([other['name'] ?? '', other])];
  return left < right ? -1 : 1;
}
