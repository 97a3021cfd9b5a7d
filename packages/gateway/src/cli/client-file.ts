/**
 * The file of an AI client: the servers in it, and putting Sallyport among them. All else of the text stays as it is, comments
 * and order; what an edit would change besides is found out before anything is written. It knows nothing of what entries mean.
 */
import { isDeepStrictEqual } from 'node:util';
import { findNodeAtLocation, parse, parseTree, type Node, type ParseError } from 'jsonc-parser';
import { parse as parseToml } from 'smol-toml';
import type { Entry, NameList, Place } from '../clients/index.ts';
import { putMember, removeMember } from '../config/edit-json.ts';
import { changeYaml, readDocument } from '../config/edit-yaml.ts';
import { maxFileBytes, readSource } from '../config/source.ts';
import { changeToml } from './client-toml.ts';
import type { CliContext } from './context.ts';
import { CliError, exitCodes } from './exit.ts';

/** Some clients keep more than settings in the file. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

/** A server as it is written. */
export interface Written {
  readonly name: string;
  readonly entry: unknown;
  /** Another key turns it off. */
  readonly off: boolean;
}

/** What the client asks its person for. */
export interface Input {
  readonly id: string;
  readonly description?: string;
  readonly hidden: boolean;
  readonly fallback?: string;
  readonly options?: readonly string[];
}

export interface ClientFile {
  readonly place: Place;
  readonly text: string;
  readonly servers: readonly Written[];
  readonly inputs: readonly Input[];
}

/** Undefined: there is none. Throws a CliError for one that cannot be read. */
export async function readClientFile(context: CliContext, place: Place): Promise<ClientFile | undefined> {
  const text = await textOf(context, place.path, place.format);
  if (text === undefined) return undefined;
  const part = await partOf(text, place, place.root);
  const off = new Set((await Promise.all((place.off ?? []).map(async (list) => namesIn(context, list)))).flat());
  const only = place.only === undefined ? [] : await namesIn(context, place.only);
  const isOff = (name: string): boolean => off.has(name) || (only.length > 0 && !only.includes(name));
  const servers = entriesOf(part, place).map(([name, entry]) => ({ name, entry, off: isOff(name) }));
  const inputs = place.format === 'json' ? inputsOf(await partOf(text, place, ['inputs'])) : [];
  return { place, text, servers, inputs };
}

async function textOf({ files }: CliContext, path: string, format: Place['format']): Promise<string | undefined> {
  if (!(await files.exists(path))) return undefined;
  const bytes = await files.read(path, format === 'json' ? MAX_JSON_BYTES : maxFileBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(`${path} is not UTF-8 text`, exitCodes.failed);
  }
}

/** The value under some keys; undefined when it is not there. Of JSON nothing else is built: such a file may be large. */
async function partOf(text: string, place: Pick<Place, 'path' | 'format'>, keys: readonly string[]): Promise<unknown> {
  if (text.trim() === '') return undefined;
  const node = place.format === 'json' ? nodeOf(text, place.path, keys) : undefined;
  if (place.format === 'json' && node === undefined) return undefined;
  const whole = node === undefined ? text : `{"part":${text.slice(node.offset, node.offset + node.length)}}`;
  const { value, problems } = await readSource(whole, place.format);
  const [problem] = problems;
  if (problem !== undefined) {
    const before = node === undefined ? 0 : text.slice(0, node.offset).split('\n').length - 1;
    const at = problem.position === undefined ? '' : `:${before + problem.position.line}`;
    throw new CliError(`${place.path}${at} cannot be read: ${problem.message}`, exitCodes.failed);
  }
  const wanted = node === undefined ? keys : ['part'];
  return wanted.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function nodeOf(text: string, path: string, keys: readonly string[]): Node | undefined {
  const errors: ParseError[] = [];
  try {
    const tree = parseTree(text, errors, { allowTrailingComma: true });
    const [error] = errors;
    if (error !== undefined) {
      const line = text.slice(0, error.offset).split('\n').length;
      throw new CliError(`${path}:${line} is no valid JSON; nothing was changed`, exitCodes.failed);
    }
    return tree === undefined ? undefined : findNodeAtLocation(tree, [...keys]);
  } catch (error) {
    if (error instanceof RangeError) throw new CliError(`${path} is nested too deep`, exitCodes.failed);
    throw error;
  }
}

async function namesIn(context: CliContext, { path, keys }: NameList): Promise<string[]> {
  const text = await textOf(context, path, 'json');
  const list = text === undefined ? undefined : await partOf(text, { path, format: 'json' }, keys);
  return Array.isArray(list) ? list.map(String) : [];
}

function entriesOf(part: unknown, { dialect }: Place): [string, unknown][] {
  if (dialect.layout === 'map') return isObject(part) ? Object.entries(part) : [];
  return (Array.isArray(part) ? part : []).flatMap((entry: unknown): [string, unknown][] =>
    isObject(entry) && typeof entry['name'] === 'string' ? [[entry['name'], entry]] : [],
  );
}

function inputsOf(part: unknown): Input[] {
  return (Array.isArray(part) ? part : []).flatMap((input: unknown): Input[] => {
    if (!isObject(input) || typeof input['id'] !== 'string') return [];
    const { id, description, password, default: fallback, options } = input;
    return [
      {
        id,
        hidden: password === true,
        ...(typeof description === 'string' && { description }),
        ...(typeof fallback === 'string' && { fallback }),
        ...(Array.isArray(options) && { options: options.map((one) => String(isObject(one) ? one['value'] : one)) }),
      },
    ];
  });
}

/** The text with the entry under a name, or without it (`undefined`). Throws where that would change anything else. */
export function withEntry(text: string | undefined, place: Place, name: string, entry: Entry | undefined): string {
  const before =
    text === undefined || text.trim() === '' ? (place.seed ?? (place.format === 'json' ? '{}\n' : '')) : text;
  const after = edited(before, place, name, entry);
  const wanted = expected(valueOf(before, place), place, name, entry);
  if (!isDeepStrictEqual(valueIfRead(after, place), wanted)) {
    const what = entry === undefined ? 'taken out of it' : 'put into it';
    throw new CliError(
      `${place.path} is left as it is: \`${name}\` cannot be ${what} without changing something else. Do it by hand, under \`${place.root.join('.')}\``,
      exitCodes.failed,
    );
  }
  return after;
}

function edited(text: string, place: Place, name: string, entry: Entry | undefined): string {
  const { format, root, dialect } = place;
  if (format === 'toml') return changeToml(text, root, name, entry);
  const path = [...root, name];
  if (format === 'json') {
    if (entry === undefined) return removeMember(text, path);
    return putMember(text, path, entry);
  }
  if (dialect.layout === 'map') return changeYaml(text, path, entry);
  const list = valueAt(valueOf(text, place), root);
  if (!Array.isArray(list)) return entry === undefined ? text : changeYaml(text, root, [{ name, ...entry }]);
  const index = list.findIndex((one) => isObject(one) && one['name'] === name);
  if (entry === undefined) return index === -1 ? text : changeYaml(text, [...root, index], undefined);
  return changeYaml(text, [...root, index === -1 ? list.length : index], { name, ...entry });
}

/** The value as it should be afterwards. */
function expected(before: unknown, place: Place, name: string, entry: Entry | undefined): unknown {
  return changed(isObject(before) ? before : {}, place.root, (inner) =>
    place.dialect.layout === 'list' ? changedList(inner, name, entry) : changedMap(inner, name, entry, place),
  );
}

/** The same with something else under the keys; undefined takes it out. */
function changed(
  value: Readonly<Record<string, unknown>>,
  [key, ...rest]: readonly string[],
  change: (inner: unknown) => unknown,
): Readonly<Record<string, unknown>> {
  if (key === undefined) return value;
  const inner = value[key];
  const after = rest.length === 0 ? change(inner) : changed(isObject(inner) ? inner : {}, rest, change);
  const { [key]: _before, ...others } = value;
  const isGone =
    after === undefined ||
    (rest.length > 0 && inner === undefined && isObject(after) && Object.keys(after).length === 0);
  return isGone ? others : { ...others, [key]: after };
}

function changedMap(inner: unknown, name: string, entry: Entry | undefined, { format }: Place): unknown {
  if (!isObject(inner)) return entry === undefined ? inner : { [name]: entry };
  const { [name]: _before, ...others } = inner;
  if (entry !== undefined) return { ...others, [name]: entry };
  // A table of TOML that has nothing in it any more was never written by itself.
  return format === 'toml' && Object.keys(others).length === 0 ? undefined : others;
}

function changedList(inner: unknown, name: string, entry: Entry | undefined): unknown {
  if (!Array.isArray(inner)) return entry === undefined ? inner : [{ name, ...entry }];
  const index = inner.findIndex((one) => isObject(one) && one['name'] === name);
  const after: unknown[] = [...inner];
  if (entry !== undefined) after[index === -1 ? after.length : index] = { name, ...entry };
  else if (index !== -1) after.splice(index, 1);
  return after;
}

/** Undefined: the edit has broken it. */
function valueIfRead(text: string, place: Place): unknown {
  try {
    return valueOf(text, place);
  } catch {
    return undefined;
  }
}

function valueOf(text: string, { format }: Place): unknown {
  if (text.trim() === '') return {};
  if (format === 'json') return parse(text, [], { allowTrailingComma: true }) as unknown;
  const value: unknown = format === 'yaml' ? readDocument(text).toJS() : parseToml(text);
  // Both have objects of their own, dates for instance.
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function valueAt(value: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
