/**
 * `npx mcp-remote URL`: a program that makes a remote server look like a local one, for clients that know no other. Sallyport
 * reaches the server itself. Its flags are those of mcp-remote 0.1; of a login it keeps nothing, since Sallyport has its own.
 */
import type { Entry } from './types.ts';

export interface Remote {
  readonly entry: Entry;
  readonly notes: readonly string[];
  /** Whether the texts under a key are in the syntax of our configuration already. */
  readonly isConverted: (key: string) => boolean;
}

/** Its flags with a value; every other one is a switch. */
const VALUED: ReadonlySet<string> = new Set(
  [
    '--header --transport --host --callback-path --auth-timeout --resource --ignore-tool',
    '--static-oauth-client-metadata --static-oauth-client-info',
  ].flatMap((line) => line.split(' ')),
);
/** How it meets its server and its person, which Sallyport does its own way; and what is taken over. */
const UNDERSTOOD: ReadonlySet<string> = new Set(
  [
    '--allow-http --debug --silent --enable-proxy --host --callback-path --auth-timeout',
    '--header --transport --ignore-tool',
  ].flatMap((line) => line.split(' ')),
);
const RUNNERS = /^(?:npx|bunx|pnpx|npm|pnpm|yarn|bun|deno|node|cmd)(?:\.cmd|\.exe)?$/i;

type Text = (value: string, key: string) => string;

/** Undefined: the entry is no such thing. */
export function remoteOf(entry: Entry, text: Text): Remote | undefined {
  const { command: _command, args: _args, env, ...rest } = entry;
  const words = wordsOf(entry);
  const at = words.findIndex((word) => /^mcp-remote(?:@[\w.^~-]+)?$/.test(word));
  const url = words[at + 1];
  if (at === -1 || url === undefined || !/^(?:https?:\/\/|\$|\{)/.test(url)) return undefined;
  const flags = flagsOf(words.slice(at + 2));
  const of = (name: string): string[] => flags.flatMap((flag) => (flag.name === name ? [flag.value ?? ''] : []));
  const variables = isObject(env) ? env : {};
  const headers = of('--header').flatMap((value) => header(value, variables, text));
  const type = { 'sse-only': 'sse', 'http-only': 'http' }[of('--transport')[0] ?? ''];
  const denied = of('--ignore-tool');
  return {
    entry: {
      ...rest,
      url: text(url, 'url'),
      ...(type !== undefined && { type }),
      ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
      ...(denied.length > 0 && { excludeTools: denied }),
    },
    notes: [
      'reached without mcp-remote, which it was started with',
      ...flags.flatMap(({ name }) => (UNDERSTOOD.has(name) ? [] : [`dropped: ${name} of mcp-remote`])),
    ],
    isConverted: (key) => key === 'url' || key === 'headers',
  };
}

/** The program by its name, unless it only runs what follows, and its arguments. */
function wordsOf({ command, args }: Entry): string[] {
  if (typeof command !== 'string' || !Array.isArray(args)) return [];
  const program = command.split(/[/\\]/).at(-1) ?? '';
  return [...(RUNNERS.test(program) ? [] : [program]), ...args.map(String)];
}

function flagsOf(words: readonly string[]): { readonly name: string; readonly value: string | undefined }[] {
  const flags: { name: string; value: string | undefined }[] = [];
  for (let index = 0; index < words.length; index += 1) {
    const name = words[index] ?? '';
    if (!name.startsWith('--')) continue;
    const value = VALUED.has(name) ? words[index + 1] : undefined;
    if (value !== undefined) index += 1;
    flags.push({ name, value });
  }
  return flags;
}

/** It looks for `${NAME}` in its own environment, which the client gave it. */
function header(value: string, env: Entry, text: Text): [string, string][] {
  const [, name, rest] = /^([^:]+):\s*(.*)$/s.exec(value) ?? [];
  if (name === undefined || rest === undefined) return [];
  const parts = rest.split(/\$\{([A-Za-z_]\w*)\}/);
  const converted = parts.map((part, index) => {
    if (index % 2 === 0) return text(part, 'headers');
    const given = Object.hasOwn(env, part) ? env[part] : undefined;
    return typeof given === 'string' ? text(given, 'headers') : `\${${part}}`;
  });
  return [[name.trim(), converted.join('')]];
}

function isObject(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
