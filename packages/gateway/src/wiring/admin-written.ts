/**
 * What may be written into the configuration over the admin API, as text that means itself: servers, some of their keys, and
 * settings that name no file, no command, no address and no secret. Everything else is refused by name.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import { AdminError } from '../admin/index.ts';
import type { Change } from '../config/edit.ts';
import { escapeLiteral, pieces } from '../config/expand.ts';
import type { Path } from '../config/source.ts';

/** Keys of a server that change how it is offered, and neither what it is nor where. */
const SHOWN: readonly string[] = [
  'description',
  'enabled',
  'era',
  'start',
  'idle',
  'isolation',
  'timeout',
  'tools',
  'features',
  'readOnly',
  'tags',
  'cache',
];
const REMOTE: readonly string[] = ['url', 'type', 'headers'];
const CHILD: readonly string[] = ['command', 'args', 'env'];

/** Root keys, and of those with members that name places the members that do not. */
const SETTINGS: Readonly<Record<string, readonly string[] | 'all'>> = {
  naming: 'all',
  discovery: ['mode', 'budget', 'always', 'resultBudget'],
  views: 'all',
  policy: ['default', 'roles', 'rules'],
  limits: 'all',
  guard: ['arguments', 'pins', 'secrets', 'injection', 'injectionResults', 'resultMax'],
  strict: 'all',
};

/** A server whole. Throws `AdminError`. */
export function readServer(value: JsonValue | undefined): JsonObject {
  if (!isObject(value)) throw refusal('`server` is an object.');
  const { command, url } = value;
  if ((url === undefined) === (command === undefined)) throw refusal('A server has a `url` or a `command`.');
  refuseOthers(value, [...SHOWN, ...(url === undefined ? CHILD : REMOTE)]);
  return literal(value) as JsonObject;
}

/** Changes of one server. Throws `AdminError`. */
export function readServerChanges(changes: JsonObject): JsonObject {
  if (Object.keys(changes).length === 0) throw refusal('Nothing is said that could be changed.');
  refuseOthers(changes, SHOWN);
  if (changes['enabled'] !== undefined && changes['enabled'] !== null && typeof changes['enabled'] !== 'boolean')
    throw refusal('`enabled` is true or false.');
  return changes;
}

/** Changes of the configuration. Throws `AdminError`. */
export function readSettings(changes: JsonObject): JsonObject {
  if (Object.keys(changes).length === 0) throw refusal('Nothing is said that could be changed.');
  refuseOthers(changes, Object.keys(SETTINGS));
  for (const [key, value] of Object.entries(changes)) {
    const members = SETTINGS[key];
    if (members !== undefined && members !== 'all' && isObject(value)) refuseOthers(value, members, `${key}.`);
    if (key === 'views' && isObject(value)) Object.values(value).forEach(readView);
  }
  return changes;
}

function readView(view: JsonValue | undefined): void {
  const { discovery } = isObject(view) ? view : {};
  if (isObject(discovery)) refuseOthers(discovery, SETTINGS['discovery'] as readonly string[], 'views.*.discovery.');
}

/**
 * Whether a server as it stands in the file could have been written here. One that could not is not replaced: what the file
 * says of it would be lost, and a secret that is bound to its address must not come to another.
 */
export function isReplaceable(written: unknown): boolean {
  if (!isObject(written)) return false;
  const known = [...SHOWN, ...REMOTE, ...CHILD];
  return Object.keys(written).every((key) => known.includes(key)) && isLiteral(written);
}

function isLiteral(value: unknown): boolean {
  if (typeof value === 'string') return pieces(value).every(({ kind }) => kind === 'text');
  return typeof value !== 'object' || value === null || Object.values(value).every(isLiteral);
}

/** A merge patch (RFC 7396) as changes of the text: objects are gone into, `null` takes out, all else is put in. */
export function mergeChanges(path: Path, current: unknown, patch: JsonObject): Change[] {
  const there = isObject(current) ? current : {};
  return Object.entries(patch).flatMap(([key, value]): Change[] => {
    const at = [...path, key];
    const before = Object.hasOwn(there, key) ? there[key] : undefined;
    if (value === null) return before === undefined ? [] : [{ path: at, value: undefined }];
    if (isObject(value) && isObject(before)) return mergeChanges(at, before, value);
    return [{ path: at, value: literal(withoutNulls(value)) }];
  });
}

function withoutNulls(value: JsonValue | undefined): JsonValue | undefined {
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => member !== null)
      .map(([key, member]) => [key, withoutNulls(member)]),
  );
}

/** Nothing in it is expanded. */
function literal(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'string') return escapeLiteral(value);
  if (Array.isArray(value)) return value.map((each) => literal(each) as JsonValue);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, literal(member)]));
}

function refuseOthers(value: JsonObject, known: readonly string[], prefix = ''): void {
  const other = Object.keys(value).find((key) => !known.includes(key));
  if (other !== undefined)
    throw refusal(`\`${prefix}${other}\` cannot be written over this API: write it into the file.`);
}

function refusal(message: string): AdminError {
  return new AdminError(400, 'invalid', message);
}
