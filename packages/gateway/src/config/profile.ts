/**
 * `profile: hardened`: stricter defaults where nothing is written, and the promise that nothing weaker is: a value that would
 * break it is refused by its name. One table says both; docs/COMPLIANCE.md shows it. It looks at the file's value after
 * expansion and before the schema, which checks what comes of it.
 */
import type { Finding } from './schema-parts.ts';
import type { Path } from './source.ts';

/** One key of the profile. */
export interface HardenedSetting {
  /** Dotted; `*` is every server that has a `command`. */
  readonly path: string;
  /** What stands there where nothing is written. Absent: the default of everybody keeps the promise, or somebody must write it. */
  readonly value?: unknown;
  /** What may be written, for a person. */
  readonly expected: string;
  readonly keeps: (written: unknown) => boolean;
  /** Without it the file is refused. */
  readonly isRequired?: true;
}

const isTrue = (value: unknown): boolean => value === true || value === 'true';
const isFalse = (value: unknown): boolean => value === false || value === 'false';
const among =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);
const on = (path: string): HardenedSetting => ({ path, value: true, expected: '`true`', keeps: isTrue });
const off = (path: string): HardenedSetting => ({ path, expected: '`false`', keeps: isFalse });

const EVENTS = ['authentication', 'authorization', 'configuration_change', 'server_access', 'admin_actions'];

/** All of it, in the order of the documentation. */
export const hardened: readonly HardenedSetting[] = [
  on('strict'),
  {
    path: 'auth.mode',
    expected: 'anything but `none`',
    keeps: (value) => ![value].flat().includes('none'),
  },
  { path: 'policy', expected: 'a policy', keeps: () => true, isRequired: true },
  { path: 'policy.default', expected: '`deny`', keeps: among('deny') },
  off('listen.plainBehindProxy'),
  { path: 'listen.tls.minVersion', expected: '`TLSv1.3`', keeps: among('TLSv1.3') },
  { path: 'limits.rate.perPrincipal', expected: 'a rate, not `off`', keeps: (value) => value !== 'off' },
  {
    path: 'mcpServers.*.sandbox.level',
    value: 'strict',
    expected: '`strict` or `standard`',
    keeps: among('strict', 'standard'),
  },
  { path: 'guard.arguments', expected: '`validate`', keeps: among('validate') },
  { path: 'guard.pins.mode', value: 'quarantine', expected: '`quarantine`', keeps: among('quarantine') },
  { path: 'guard.secrets', value: 'redact', expected: '`redact` or `block`', keeps: among('redact', 'block') },
  { path: 'guard.injection', value: 'block', expected: '`block`', keeps: among('block') },
  { path: 'audit.enabled', expected: '`true`', keeps: isTrue },
  { path: 'audit.durability', value: 'strict', expected: '`strict`', keeps: among('strict') },
  on('audit.encrypt'),
  {
    path: 'audit.events',
    expected: 'all of them',
    keeps: (value) => Array.isArray(value) && EVENTS.every((event) => value.includes(event)),
  },
  off('audit.values'),
  { path: 'store', expected: 'one that lasts, not `memory`', keeps: (value) => value !== 'memory' },
  {
    path: 'privacy.addresses',
    value: 'truncated',
    expected: '`truncated` or `none`',
    keeps: among('truncated', 'none'),
  },
  {
    path: 'telemetry.metrics.enabled',
    value: false,
    expected: '`false`, unless `telemetry.metrics.key` is written',
    keeps: isFalse,
  },
  {
    path: 'admin.hosts',
    expected: 'nobody but this machine (`[]`)',
    keeps: (value) => Array.isArray(value) && value.length === 0,
  },
  off('admin.remoteWrite'),
  off('admin.commands'),
];

export interface Profiled {
  readonly value: unknown;
  /** What the profile has put there. */
  readonly applied: readonly Path[];
  readonly findings: readonly Finding[];
}

/** Whether what would leave something out is an error: `strict` is written, or comes with the profile. */
export function isStrict(value: unknown): boolean {
  return isObject(value) && (isTrue(value['strict']) || value['profile'] === 'hardened');
}

/** The value with the defaults of its profile; the given one is not touched. */
export function withProfile(given: unknown): Profiled {
  if (!isObject(given) || given['profile'] !== 'hardened') return { value: given, applied: [], findings: [] };
  let value: unknown = given;
  const applied: Path[] = [];
  const findings: Finding[] = [];
  for (const setting of hardened) {
    for (const path of placesOf(setting, given)) {
      const { at, written } = writtenAt(value, path);
      if (written === undefined) {
        if (setting.isRequired) findings.push({ path: ['profile'], message: `hardened needs \`${setting.path}\`` });
        if (setting.value === undefined || !hasRoom(value, path)) continue;
        value = replaced(value, path, setting.value);
        applied.push(path);
      } else if (!setting.keeps(written)) {
        findings.push({ path: at, message: `expected ${setting.expected}: \`profile: hardened\` promises it` });
      }
    }
  }
  return { value, applied, findings };
}

/** Where the setting stands in this file. */
function placesOf({ path }: HardenedSetting, value: Readonly<Record<string, unknown>>): readonly Path[] {
  const keys = path.split('.');
  if (keys[0] !== 'mcpServers') {
    const hasKey = path === 'telemetry.metrics.enabled' && writtenAt(value, ['telemetry', 'metrics', 'key']).written;
    return typeof hasKey === 'string' ? [] : [keys];
  }
  const servers = isObject(value['mcpServers']) ? Object.entries(value['mcpServers']) : [];
  return servers
    .filter(([, server]) => isObject(server) && typeof server['command'] === 'string')
    .map(([name]) => ['mcpServers', name, ...keys.slice(2)]);
}

/** What is written at a path, and where exactly: a sandbox may be its level alone. */
function writtenAt(value: unknown, path: Path): { readonly at: Path; readonly written: unknown } {
  let inner = value;
  for (const [index, key] of path.entries()) {
    if (!isObject(inner)) return { at: path, written: undefined };
    inner = Object.hasOwn(inner, key) ? inner[key] : undefined;
    if (typeof inner === 'string' && path[index + 1] === 'level') return { at: path.slice(0, -1), written: inner };
  }
  return { at: path, written: inner };
}

/** Where something stands that is no object, the schema says so. */
function hasRoom(value: unknown, path: Path): boolean {
  return path.slice(0, -1).every((_key, index) => {
    const { written } = writtenAt(value, path.slice(0, index + 1));
    return written === undefined || isObject(written);
  });
}

function replaced(value: unknown, [key, ...rest]: Path, to: unknown): unknown {
  if (key === undefined) return to;
  const own = isObject(value) ? value : {};
  return { ...own, [key]: replaced(own[key], rest, to) };
}

function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
