/** What to write into a server's `sandbox` so that it may reach one host or path more. Pure; takes what stands there as written. */
import { escapeLiteral } from './expand.ts';
import { ConfigError } from './problems.ts';
import type { Path } from './source.ts';

export type Allow = {
  readonly kind: 'allow';
  readonly name: string;
  readonly key: 'network' | 'read' | 'write';
  /** Literal. */
  readonly value: string;
};

/**
 * Paths are relative to the server; a last part that is a number is the place of a new entry. Nothing when it is allowed
 * already. Throws ConfigError where an entry would allow nothing, or would take something away.
 */
export function allowances(
  server: unknown,
  { name, key, value }: Allow,
): { readonly path: Path; readonly value: unknown }[] {
  const { sandbox, url } = isObject(server) ? server : {};
  if (url !== undefined) {
    throw new ConfigError(`\`${name}\` is reached by a URL: only servers that are started here have a sandbox`);
  }
  const written = isObject(sandbox) ? sandbox : sandbox === undefined || sandbox === null ? {} : { level: sandbox };
  refuseNoGain(name, key, written);
  const entries = written[key];
  if (isObject(sandbox) && Array.isArray(entries)) {
    const isThere = entries.includes(escapeLiteral(value));
    return isThere ? [] : [{ path: ['sandbox', key, entries.length], value }];
  }
  if (entries !== undefined) throw new ConfigError(`\`sandbox.${key}\` of \`${name}\` is no list: correct it first`);
  return isObject(sandbox)
    ? [{ path: ['sandbox', key], value: [value] }]
    : [{ path: ['sandbox'], value: { ...written, [key]: [value] } }];
}

function refuseNoGain(name: string, key: Allow['key'], { level, network }: Readonly<Record<string, unknown>>): void {
  if (key !== 'network') {
    if (level !== 'limited' && level !== 'none') return;
    throw new ConfigError(`\`${name}\` sees every file of its user: the level \`${level}\` keeps it from no path`);
  }
  if (level === 'strict' || network !== undefined) return;
  throw new ConfigError(
    `\`${name}\` may reach every public host as it is: an entry in \`sandbox.network\` would keep it from all others. ` +
      `If that is meant, write \`network\` into its sandbox by hand`,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
