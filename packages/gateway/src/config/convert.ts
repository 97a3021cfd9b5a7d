/**
 * `config convert`: a file of dynamic-mcp or of another program that foreign.ts knows, rewritten as ours. What is mapped is
 * written in our keys, what is left out is listed, what cannot be expressed stops the conversion. Variables stay
 * variables. dynamic-mcp's own rules that differ are made explicit: it knows no `$$` and no `${VAR:-default}`, reads `$$` as
 * two dollars, and offers its tools in groups.
 */
import { stringify } from 'yaml';
import { checkDraft, draftOf } from './check-text.ts';
import { pieces } from './expand.ts';
import { configError } from './problems.ts';
import type { Format } from './source.ts';
import type { Problem } from './types.ts';

export type Conversion = { readonly text: string; readonly notes: readonly Problem[] };

/** dynamic-mcp's defaults; ours differ, so a file that relied on them says so after the conversion. */
const dynamicTimeouts = { tools: '30s', resources: '10s', prompts: '10s' };

/** Converts the text of `file`. Rejects with a ConfigError when something in it would be lost. */
export async function convertConfig(
  file: string,
  text: string,
  format: Format,
  output: 'yaml' | 'json',
): Promise<Conversion> {
  const draft = await draftOf(file, text, format);
  const dynamic = isDynamicMcp(draft.value);
  const value = dynamic ? dynamicMcp(draft.value) : draft.value;
  // Variables may well be unset where a file is converted: what depends on them cannot be judged.
  const problems = checkDraft({ ...draft, value }, { env: {}, files: new Map() }).problems;
  const lost = problems.filter(({ path }) => !hasVariable(at(draft.source.value, path)));
  if (lost.length > 0) throw configError(lost);
  return {
    text: output === 'yaml' ? stringify(value, { lineWidth: 0 }) : `${JSON.stringify(value, null, 2)}\n`,
    notes: draft.warnings,
  };
}

/** dynamic-mcp wants a description on every server and knows few other keys. */
function isDynamicMcp(value: unknown): boolean {
  if (!isObject(value) || !isObject(value['mcpServers'])) return false;
  const known = [
    'type',
    'description',
    'command',
    'args',
    'env',
    'url',
    'headers',
    'oauth',
    'features',
    'enabled',
    'timeout',
  ];
  const servers = Object.values(value['mcpServers']);
  return (
    Object.keys(value).every((key) => key === 'mcpServers') &&
    servers.length > 0 &&
    servers.every(
      (server) =>
        isObject(server) &&
        typeof server['description'] === 'string' &&
        Object.keys(server).every((key) => known.includes(key)),
    )
  );
}

function dynamicMcp(value: unknown): unknown {
  const servers = isObject(value) && isObject(value['mcpServers']) ? value['mcpServers'] : {};
  return {
    mcpServers: Object.fromEntries(
      Object.entries(servers).map(([name, server]) => [name, isObject(server) ? dynamicServer(server) : server]),
    ),
  };
}

function dynamicServer(server: Readonly<Record<string, unknown>>): unknown {
  const timeout = isObject(server['timeout']) ? server['timeout'] : {};
  const written = Object.fromEntries(Object.entries(timeout).filter(([, each]) => each !== null && each !== ''));
  // Only these keys are expanded by dynamic-mcp; everywhere else `${VAR}` is plain text to it.
  const expanded = new Set(['args', 'env', 'url', 'headers', 'oauth']);
  const entries = Object.entries(server).map(([key, member]) => [key, retext(member, expanded.has(key))]);
  return { ...Object.fromEntries(entries), timeout: { ...dynamicTimeouts, ...written } };
}

/** The same text under our rules: `$` doubled except in the variables that dynamic-mcp would expand. */
function retext(value: unknown, expands: boolean): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => retext(item, expands));
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, retext(item, expands)]));
  if (typeof value !== 'string') return value;
  return value.replaceAll(/\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$/g, (found) =>
    found !== '$' && expands ? found : found.replace('$', '$$$$'),
  );
}

function hasVariable(text: unknown): boolean {
  return typeof text === 'string' && pieces(text).some(({ kind }) => kind === 'variable' || kind === 'file');
}

function at(value: unknown, path: Problem['path']): unknown {
  return path.reduce<unknown>(
    (inner, key) => (inner as Readonly<Record<string | number, unknown>> | undefined)?.[key],
    value,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
