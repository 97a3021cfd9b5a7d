/**
 * What a new configuration changes: as lines for a person, secrets masked, and whether a running gateway may take it over.
 * Some changes need a restart because the listener and the store are built once; those that open a door need one because
 * nobody who merely writes to a file should open it unseen (docs/DECISIONS.md).
 */

import { masked } from './describe.ts';
import { effectiveView } from './effective.ts';
import { opening } from './opening.ts';
import type { Config } from './types.ts';

export interface Changes {
  /** A line each: `mcpServers.files.args.1: "a" → "b"`. Empty: nothing has changed. */
  readonly lines: readonly string[];
  /** Keys that a running gateway cannot take over; the first word of the lines. */
  readonly needRestart: readonly string[];
  /** Keys whose change lets more in than before. */
  readonly opening: readonly string[];
}

/** Built once, with the process. */
const AT_START: readonly string[] = [
  'listen',
  'auth',
  'store',
  'sessions',
  'telemetry',
  'egress',
  'admin',
  'audit',
  'privacy',
  'alerts',
  'security',
  'profile',
  'limits.body',
  'limits.headers',
  'limits.depth',
  'limits.batch',
  'limits.upstreamMessage',
  'limits.headerTimeout',
  'limits.bodyTimeout',
  'limits.sessions',
  'limits.connections',
  'limits.failedAuthentications',
  'limits.requestState',
];

type Leaves = ReadonlyMap<string, unknown>;

export function changesBetween(before: Config, after: Config): Changes {
  const [oldView, newView] = [effectiveView(before), effectiveView(after)];
  const [old, now] = [leaves(keysByName(oldView)), leaves(keysByName(newView))];
  const [oldShown, nowShown] = [leaves(keysByName(masked(oldView))), leaves(keysByName(masked(newView)))];
  const keys = [...new Set([...old.keys(), ...now.keys()])].filter(
    (key) => JSON.stringify(old.get(key)) !== JSON.stringify(now.get(key)),
  );
  const orderChanged = before.servers.map(({ name }) => name).join() !== after.servers.map(({ name }) => name).join();
  const whole = wholeServers(before, after);
  // Its definitions are many, and are read elsewhere.
  const isOtherLock = before.pins.lock !== after.pins.lock;
  const lines = [
    ...whole.map(({ line }) => line),
    ...(isOtherLock ? ['sallyport.lock: changed'] : []),
    ...keys
      .filter((key) => !whole.some(({ prefix }) => key.startsWith(prefix)))
      .map((key) => lineOf(key, old, now, oldShown.get(key), nowShown.get(key))),
  ];
  return {
    lines: lines.length === 0 && orderChanged ? ['mcpServers: in another order'] : lines,
    needRestart: keys
      .map(withoutIndex)
      // A key may go at any time; one that comes or changes opens.
      .filter(
        (key) =>
          !key.startsWith('auth.keys.') && AT_START.some((start) => key === start || key.startsWith(`${start}.`)),
      ),
    opening: opening(before, after),
  };
}

/** Servers that came or went, a line each: their defaults are no news. */
function wholeServers(before: Config, after: Config): { readonly prefix: string; readonly line: string }[] {
  const told = (
    servers: Config['servers'],
    others: Config['servers'],
    how: string,
  ): { prefix: string; line: string }[] =>
    servers
      .filter(({ name }) => !others.some((other) => other.name === name))
      .map(({ name, target }) => {
        const place =
          target.kind === 'stdio'
            ? target.command
            : target.kind === 'openapi'
              ? target.document
              : new URL(target.url).origin;
        return { prefix: `mcpServers.${name}.`, line: `mcpServers.${name}: ${how} (${place})` };
      });
  return [...told(before.servers, after.servers, 'removed'), ...told(after.servers, before.servers, 'added')];
}

/** Client keys under their names: in a list, each after one that went would seem changed. */
function keysByName(view: unknown): unknown {
  const { auth, ...rest } = view as { auth: { keys: readonly { readonly name: string }[] } };
  const keys = Object.fromEntries(auth.keys.map((key) => [key.name, key]));
  return { ...rest, auth: { ...auth, keys: auth.keys.length === 0 ? undefined : keys } };
}

/** Of an entry of a list: the list. */
function withoutIndex(key: string): string {
  return key.replace(/\.\d+$/, '');
}

function lineOf(key: string, old: Leaves, now: Leaves, oldShown: unknown, nowShown: unknown): string {
  if (!old.has(key)) return `${key}: added ${text(nowShown)}`;
  if (!now.has(key)) return `${key}: removed`;
  // Two secrets look alike when they are masked.
  const same = JSON.stringify(oldShown) === JSON.stringify(nowShown);
  return same ? `${key}: changed (${text(nowShown)})` : `${key}: ${text(oldShown)} → ${text(nowShown)}`;
}

/** Characters of a value: a program may have thousands. */
const MAX_TEXT = 200;

function text(value: unknown): string {
  const written = JSON.stringify(value) ?? 'nothing';
  return written.length > MAX_TEXT ? `${written.slice(0, MAX_TEXT)}…` : written;
}

/** Every value that is no object, by its dotted path; an empty object or list stands for itself. */
function leaves(value: unknown, path = '', into: Map<string, unknown> = new Map()): Map<string, unknown> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  if (entries.length === 0) {
    if (value !== undefined) into.set(path, value);
    return into;
  }
  for (const [key, member] of entries) leaves(member, path === '' ? key : `${path}.${key}`, into);
  return into;
}
