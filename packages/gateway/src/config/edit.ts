/**
 * Changes one server in the text of a configuration file and keeps the rest as it is: comments, order, formatting. Text in,
 * text out; the caller writes it. What is put in is literal: every `$` is escaped. TOML is never rewritten.
 */
import { applyEdits, modify, parseTree, findNodeAtLocation, getNodeValue } from 'jsonc-parser';
import { isMap } from 'yaml';
import { didYouMean, ConfigError } from './problems.ts';
import { removeMember } from './edit-json.ts';
import { allowances, type Allow } from './edit-allow.ts';
import { changeYaml, readDocument } from './edit-yaml.ts';
import { escapeLiteral } from './expand.ts';
import { badName, lowerCase } from './servers.ts';
import { serverNamePattern } from './schema.ts';
import type { Format, Path } from './source.ts';

/** A server to put in, as the command line or an import has it. */
export type PlainServer =
  | {
      readonly command: string;
      readonly args: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
      readonly description?: string;
      readonly sandbox?: {
        readonly level: 'strict';
        readonly read?: readonly string[];
        readonly write?: readonly string[];
      };
    }
  | { readonly url: string; readonly headers?: Readonly<Record<string, string>>; readonly description?: string }
  | {
      readonly openapi: {
        readonly document: string;
        readonly sha256?: string;
        readonly server?: string;
        readonly operations?: { readonly allow: readonly string[] };
      };
      readonly description?: string;
    };

export type Edit =
  | Allow
  | { readonly kind: 'add'; readonly name: string; readonly server: PlainServer }
  /** In the words of the file: variables are meant. */
  | { readonly kind: 'put'; readonly name: string; readonly server: Readonly<Record<string, unknown>> }
  /** What the document of a server must be from now on: a SHA-256, hexadecimal. */
  | { readonly kind: 'document'; readonly name: string; readonly sha256: string }
  | { readonly kind: 'remove'; readonly name: string }
  | { readonly kind: 'enable'; readonly name: string }
  | { readonly kind: 'disable'; readonly name: string };

/** The text after the edit. Throws ConfigError for a name that is (not) there, and for TOML with the lines to paste. */
export function editConfig(text: string, format: Format, edit: Edit): string {
  if (format === 'toml') throw tomlRefusal(edit);
  return changeConfig(text, format, (root, servers) => changesOf(edit, root, servers));
}

/** The text with other values at some paths. `changes` is told the key under which servers stand, and the servers as they are written. */
export function changeConfig(
  text: string,
  format: Exclude<Format, 'toml'>,
  changes: (root: string, servers: Readonly<Record<string, unknown>>) => readonly Change[],
): string {
  return format === 'json' ? editJson(text, changes) : editYaml(text, changes);
}

/** The root keys under which servers stand, ours first. */
const roots = ['mcpServers', 'servers', 'mcp_servers'];

/** A path that ends with a number is that of a new entry, the last of its list. An undefined value is taken out. */
export type Change = { readonly path: Path; readonly value: unknown };

/** What to set (or, undefined, to take out) given the servers there are. */
function changesOf(edit: Edit, root: string, servers: Readonly<Record<string, unknown>>): Change[] {
  const names = Object.keys(servers);
  const path = [root, edit.name];
  if (edit.kind === 'add' || edit.kind === 'put') {
    if (!serverNamePattern.test(edit.name)) throw new ConfigError(badName(edit.name, lowerCase(names)));
    const taken = names.find((name) => name.toLowerCase() === edit.name.toLowerCase());
    if (taken !== undefined)
      throw new ConfigError(`there is a server \`${taken}\` already; remove it first, or take another name`);
    return [{ path, value: edit.kind === 'put' ? edit.server : literal(edit.server) }];
  }
  if (!Object.hasOwn(servers, edit.name)) {
    throw new ConfigError(`there is no server \`${edit.name}\` in the file${didYouMean(edit.name, names)}`);
  }
  if (edit.kind === 'remove') return [{ path, value: undefined }];
  const inside = changesInside(edit, servers[edit.name]);
  return inside.map((change) => ({ path: [...path, ...change.path], value: change.value }));
}

/** Of a server that stays; paths are relative to it. */
function changesInside(edit: Exclude<Edit, { readonly kind: 'add' | 'put' | 'remove' }>, server: unknown): Change[] {
  if (edit.kind === 'allow') {
    return allowances(server, edit).map(({ path, value }) => ({ path, value: literal(value) }));
  }
  if (edit.kind === 'document') {
    const written = isObject(server) ? server['openapi'] : undefined;
    return isObject(written)
      ? [{ path: ['openapi', 'sha256'], value: edit.sha256 }]
      : [{ path: ['openapi'], value: { document: written, sha256: edit.sha256 } }];
  }
  const isForeign = isObject(server) && Object.hasOwn(server, 'disabled');
  // `enabled: true` is the default: taking the key out leaves the file as it was before `disable`.
  return [
    ...(isForeign ? [{ path: ['disabled'], value: undefined }] : []),
    { path: ['enabled'], value: edit.kind === 'disable' ? false : undefined },
  ];
}

function literal(value: unknown): unknown {
  if (typeof value === 'string') return escapeLiteral(value);
  if (Array.isArray(value)) return value.map(literal);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => !isEmpty(member))
      .map(([key, member]) => [key, literal(member)]),
  );
}

function editJson(text: string, changes: Parameters<typeof changeConfig>[2]): string {
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const root = roots.find((key) => tree !== undefined && findNodeAtLocation(tree, [key]) !== undefined) ?? 'mcpServers';
  const container = tree === undefined ? undefined : findNodeAtLocation(tree, [root]);
  const servers: Record<string, unknown> = {};
  for (const property of container?.children ?? []) {
    const [key, value] = property.children ?? [];
    if (key !== undefined) servers[String(key.value)] = value === undefined ? {} : getNodeValue(value);
  }
  const formattingOptions = indentation(text);
  return changes(root, servers).reduce((before, { path, value }) => {
    if (value === undefined) return removeMember(before, path);
    const isArrayInsertion = typeof path.at(-1) === 'number';
    return applyEdits(before, modify(before, [...path], value, { formattingOptions, isArrayInsertion }));
  }, text);
}

function indentation(text: string): { insertSpaces: boolean; tabSize: number; eol: string } {
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? '  ';
  return {
    insertSpaces: !indent.startsWith('\t'),
    tabSize: indent.startsWith('\t') ? 1 : indent.length,
    eol: text.includes('\r\n') ? '\r\n' : '\n',
  };
}

function editYaml(text: string, changes: Parameters<typeof changeConfig>[2]): string {
  const before = text.trim() === '' ? 'mcpServers: {}\n' : text;
  const document = readDocument(before);
  const root = roots.find((key) => document.has(key)) ?? 'mcpServers';
  const container: unknown = document.get(root);
  const servers = isMap(container) ? (container.toJS(document) as Readonly<Record<string, unknown>>) : {};
  return changes(root, servers)
    .filter(({ path, value }) => value !== undefined || document.hasIn(path))
    .reduce((changed, { path, value }) => changeYaml(changed, path, value), before);
}

function tomlRefusal(edit: Edit): ConfigError {
  const table = `[mcpServers.${/^[A-Za-z0-9_-]+$/.test(edit.name) ? edit.name : JSON.stringify(edit.name)}]`;
  if (edit.kind === 'remove') return new ConfigError(`TOML files are not rewritten; take out the table ${table}`);
  if (edit.kind === 'enable')
    return new ConfigError(`TOML files are not rewritten; take \`enabled = false\` out of ${table}`);
  if (edit.kind === 'allow') {
    const entry = `${edit.key} = ${tomlValue([literal(edit.value)])}`;
    return new ConfigError(`TOML files are not rewritten; put this into \`sandbox\` of ${table}:\n\n${entry}\n`);
  }
  if (edit.kind === 'document') {
    const entry = `openapi.sha256 = ${tomlValue(edit.sha256)}`;
    return new ConfigError(`TOML files are not rewritten; put this into ${table}:\n\n${entry}\n`);
  }
  const lines =
    edit.kind === 'disable' ? ['enabled = false'] : tomlLines(edit.kind === 'put' ? edit.server : literal(edit.server));
  return new ConfigError(`TOML files are not rewritten; paste this:\n\n${[table, ...lines].join('\n')}\n`);
}

function tomlLines(server: unknown): string[] {
  return isObject(server) ? Object.entries(server).map(([key, value]) => `${key} = ${tomlValue(value)}`) : [];
}

function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`;
  if (isObject(value))
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${JSON.stringify(key)} = ${tomlValue(inner)}`)
      .join(', ')} }`;
  // JSON's escapes are TOML's too; DEL is the one character that only TOML wants escaped.
  return JSON.stringify(value).replaceAll('\u007f', '\\u007f');
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
