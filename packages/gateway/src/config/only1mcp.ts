/**
 * Only1MCP's configuration as ours. Every key of it becomes a key of ours, an error that names it, or a note that says why it
 * has no effect; what protected something is never among the notes. Its file has `${VAR}` and `${env:VAR}` and no other
 * meaning of `$`.
 */
import { convertAuth } from './only1mcp-auth.ts';
import { convertLimits } from './only1mcp-limits.ts';
import { convertListen } from './only1mcp-listen.ts';
import { convertPolicy } from './only1mcp-policy.ts';
import { createLedger, isObject, openFile, type Ledger } from './only1mcp-reader.ts';
import { convertRest } from './only1mcp-rest.ts';
import { convertServers } from './only1mcp-servers.ts';
import type { Finding } from './schema-parts.ts';
import { pathKey, type Path } from './source.ts';

/** A list of servers is in no file of ours, nor of the programs whose files we read as they are. */
export function isOnly1Mcp(value: unknown): value is Record<string, unknown> {
  return isObject(value) && Array.isArray(value['servers']) && !Object.hasOwn(value, 'mcpServers');
}

/** The value is ours as written; it is not checked. */
export function convertOnly1Mcp(value: Readonly<Record<string, unknown>>): Ledger {
  const ledger = createLedger();
  const { root, end } = openFile(value, ledger);
  ledger.comments.push({ path: ['mcpServers'], message: 'Made of a file of Only1MCP by `sallyport config convert`.' });
  convertServers(root);
  const door = convertListen(root);
  convertAuth(root, door);
  convertPolicy(root);
  convertLimits(root);
  convertRest(root);
  end();
  refuseReferences(value, [], ledger);
  return {
    ...ledger,
    value: retext(ledger.value) as Record<string, unknown>,
    notes: eachOnce(ledger.notes),
    problems: eachOnce(ledger.problems),
    comments: eachOnce(ledger.comments),
  };
}

/** Where in the file that was written which is at a path of ours: the value there, else those inside or around. */
export function originsOf({ origins }: Ledger, ours: Path): readonly Path[] {
  for (let length = ours.length; length > 0; length -= 1) {
    const prefix = ours.slice(0, length);
    const own = origins.get(pathKey(prefix));
    if (own !== undefined) return [own.from];
    const inside = [...origins.values()].filter((one) => prefix.every((key, index) => one.ours[index] === key));
    if (inside.length > 0) return inside.map(({ from }) => from);
  }
  return [[]];
}

/** A reference that nobody follows would be sent, or asked for, as if it were the secret. */
function refuseReferences(value: unknown, path: Path, ledger: Ledger): void {
  if (typeof value === 'string' && value.startsWith('aws:secretsmanager:')) {
    ledger.problems.push({ path, message: 'secrets are not fetched from AWS: set a variable and write `${NAME}`' });
  } else if (Array.isArray(value)) value.forEach((item, index) => refuseReferences(item, [...path, index], ledger));
  else if (isObject(value)) {
    for (const [key, member] of Object.entries(value)) refuseReferences(member, [...path, key], ledger);
  }
}

function eachOnce(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((one) => [`${pathKey(one.path)} ${one.message}`, one])).values()];
}

/** The same text under our rules: a dollar that would begin something here is doubled. */
function retext(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(retext);
  if (isObject(value)) return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, retext(member)]));
  if (typeof value !== 'string') return value;
  return value.replaceAll(/\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}|\$(?=[${])/g, (_found, name: string | undefined) =>
    name === undefined ? '$$' : `\${${name}}`,
  );
}
