/**
 * Keys and values that the documentation names and this version cannot do. Each is refused by name, wherever it is written:
 * accepting and ignoring `admin.dashboard`, say, would leave a door open that its author believes shut. A room that gets built
 * takes its line out of the table.
 */
import type { Path } from './source.ts';

type Entry = {
  /** Dotted; `*` is any key or index. */
  readonly path: string;
  /** Values that are available all the same. */
  readonly except?: (value: unknown) => boolean;
};

const oneOf =
  (...values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value);

const server = (key: string, except?: (value: unknown) => boolean): Entry => ({
  path: `mcpServers.*.${key}`,
  ...(except !== undefined && { except }),
});

export const notYet: readonly Entry[] = [
  server('instances'),
  server('balance'),
  server('cache'),
  { path: 'listen.workers' },
  { path: 'views.*.discovery.embeddings' },
  { path: 'store', except: (value) => typeof value !== 'string' || !/^rediss?:/.test(value) },
  { path: 'telemetry.traces' },
  { path: 'admin.dashboard', except: oneOf(false) },
];

/** Every written key (or value) that is not available, with its place and the message. */
export function refuseNotYet(value: unknown): Array<{ readonly path: Path; readonly message: string }> {
  return notYet.flatMap(({ path, except }) =>
    matches(value, path.split('.'), []).flatMap((found) =>
      except?.(found.value) === true ? [] : [{ path: found.path, message: refusal(found, except !== undefined) }],
    ),
  );
}

function refusal({ path, value }: Found, byValue: boolean): string {
  const key = path.filter((_part, index) => !(path[0] === 'mcpServers' && index < 2)).join('.');
  const written =
    byValue && !isObject(value) ? `${key}: ${Array.isArray(value) ? value.join(', ') : String(value)}` : key;
  return `\`${written}\` is not available in this version`;
}

type Found = { readonly path: Path; readonly value: unknown };

function matches(value: unknown, pattern: readonly string[], path: Path): Found[] {
  const [head, ...rest] = pattern;
  if (head === undefined) return value === undefined ? [] : [{ path, value }];
  if (!isObject(value)) return [];
  const keys = head === '*' ? Object.keys(value) : Object.hasOwn(value, head) ? [head] : [];
  return keys.flatMap((key) => matches(value[key], rest, [...path, key]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
