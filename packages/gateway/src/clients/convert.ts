/**
 * One server of a client in the words that Sallyport's configuration understands: variables rewritten in every field, all else
 * literal, what only a launcher is for (`npx mcp-remote`) taken away. What other keys mean is the business of the configuration,
 * which knows the keys of other programs; keys that nobody here has heard of are named as dropped. Pure.
 */
import { fromEnvironmentOf } from './container.ts';
import { remoteOf } from './mcp-remote.ts';
import { posix, win32 } from 'node:path';
import { variableName } from './variables.ts';
import type { Entry, Machine, Piece, Place } from './types.ts';

export interface Converted {
  readonly entry: Entry;
  /** Names of keys that have no meaning here. */
  readonly dropped: readonly string[];
  /** Sentences for the person. */
  readonly notes: readonly string[];
}

export interface ConvertOptions {
  readonly machine: Machine;
  /** Text that must arrive as it is, in the syntax of our configuration. */
  readonly literal: (text: string) => string;
  /** What stands for an input that was asked for, in the syntax of our configuration. */
  readonly inputs: ReadonlyMap<string, string>;
}

/**
 * Keys whose meaning is known, here or to the configuration. Every other one could mean something else there: `sandbox: none`
 * in the file of a client must open nothing here.
 */
const CARRIED: ReadonlySet<string> = new Set(
  [
    'command args env environment envFile cwd url httpUrl serverUrl type transport transportType headers http_headers',
    'bearer_token_env_var requestInit oauth timeout startup_timeout_sec tool_timeout_sec includeTools excludeTools',
    'enabled_tools disabled_tools disabledTools description disabled enabled autoApprove alwaysAllow trust dev',
    'watchPaths gallery icon iconUrl version name',
  ].flatMap((line) => line.split(' ')),
);
/** Of a login: the rest is what the client itself does. */
const CARRIED_OAUTH: readonly string[] = ['clientId', 'clientSecret', 'scopes'];
/** Names of variables, not texts. */
const PLAIN: ReadonlySet<string> = new Set(['bearer_token_env_var']);

/** The ids of `${input:ID}` in a server. */
export function inputsIn(value: unknown, place: Place): string[] {
  if (typeof value === 'string') {
    return place.dialect.variables(value).flatMap((piece) => (piece.kind === 'input' ? [piece.id] : []));
  }
  return typeof value === 'object' && value !== null
    ? Object.values(value).flatMap((inner) => inputsIn(inner, place))
    : [];
}

/** Undefined: the entry is no server of its own. */
export function convert(name: string, raw: Entry, place: Place, options: ConvertOptions): Converted | undefined {
  const read = place.dialect.read === undefined ? raw : place.dialect.read(raw, name);
  if (read === undefined) return undefined;
  const notes: string[] = [];
  const text: Text = (value, key) => textOf(value, { key, place, notes, ...options });
  const { fromEnvironment, ...own } = read;
  const remote = remoteOf(own, text);
  if (remote !== undefined) notes.push(...remote.notes);
  const entries = Object.entries(remote?.entry ?? own).filter(([, value]) => (value ?? undefined) !== undefined);
  const carried = entries.filter(([key]) => CARRIED.has(key));
  const dropped = entries.filter(([key]) => !CARRIED.has(key)).map(([key]) => key);
  const result: Record<string, unknown> = {};
  for (const [key, value] of carried) {
    if (key === 'oauth') addLogin(result, value, dropped, text);
    else result[key] = remote?.isConverted(key) === true ? value : valueOf(key, value, place, text);
  }
  addEnvironment(result, fromEnvironment);
  addEnvironment(result, { env: Object.fromEntries(fromEnvironmentOf(own).map((one) => [one, one])), headers: {} });
  placeFiles(result, place, options.machine);
  if (usesRoot(result)) result['isolation'] = 'project';
  return { entry: result, dropped, notes: [...new Set(notes)] };
}

type Text = (value: string, key: string) => string;

function valueOf(key: string, value: unknown, { dialect }: Place, text: Text): unknown {
  if (PLAIN.has(key)) return value;
  // Here it is known what a plain number counts.
  const unit = key === 'timeout' && typeof value === 'number' ? dialect.timeoutUnit : undefined;
  return unit === undefined ? strings(value, (inner) => text(inner, key)) : { call: `${String(value)}${unit}` };
}

function addLogin(result: Record<string, unknown>, value: unknown, dropped: string[], text: Text): void {
  if (!isObject(value)) return;
  const kept = Object.entries(value).filter(([key]) => CARRIED_OAUTH.includes(key));
  dropped.push(...Object.keys(value).flatMap((key) => (CARRIED_OAUTH.includes(key) ? [] : [`oauth.${key}`])));
  if (kept.length === 0) return;
  result['oauth'] = Object.fromEntries(kept.map(([key, inner]) => [key, strings(inner, (one) => text(one, 'oauth'))]));
}

/** Variables that the client takes from its own environment by name. */
function addEnvironment(result: Record<string, unknown>, named: unknown): void {
  if (!isObject(named)) return;
  for (const group of ['env', 'headers'] as const) {
    const names = isObject(named[group]) ? Object.entries(named[group]) : [];
    const before = isObject(result[group]) ? result[group] : {};
    const added = names.filter(([key, name]) => !Object.hasOwn(before, key) && /^[A-Za-z_]\w*$/.test(String(name)));
    if (added.length === 0) continue;
    result[group] = { ...before, ...Object.fromEntries(added.map(([key, name]) => [key, `\${${String(name)}}`])) };
  }
}

/** A project's server runs in its folder, and relative files are looked for there. */
function placeFiles(result: Record<string, unknown>, place: Place, machine: Machine): void {
  const paths = machine.platform === 'win32' ? win32 : posix;
  const isProject = place.scope === 'project';
  if (isProject && result['command'] !== undefined && result['cwd'] === undefined) result['cwd'] = machine.project;
  for (const key of ['cwd', 'envFile']) {
    const path = result[key];
    if (typeof path !== 'string' || path === '' || paths.isAbsolute(path) || /^[{$~]/.test(path)) continue;
    if (isProject) result[key] = paths.resolve(machine.project, path);
  }
}

function usesRoot({ args, cwd }: Readonly<Record<string, unknown>>): boolean {
  const texts = [cwd, ...(Array.isArray(args) ? args : [])];
  return texts.some((one) => typeof one === 'string' && one.includes('{root}'));
}

type TextOptions = ConvertOptions & { readonly key: string; readonly place: Place; readonly notes: string[] };

function textOf(value: string, options: TextOptions): string {
  return options.place.dialect
    .variables(value)
    .map((piece) => pieceText(piece, options))
    .join('');
}

function pieceText(piece: Piece, options: TextOptions): string {
  const { place, machine, literal, inputs } = options;
  const isWindows = machine.platform === 'win32';
  switch (piece.kind) {
    case 'text':
      return literal(piece.text);
    case 'variable':
      return `\${${piece.name}${piece.fallback === undefined ? '' : `:-${piece.fallback}`}}`;
    case 'file':
      return `\${file:${filePath(piece.path, place, machine)}}`;
    case 'input':
      return inputs.get(piece.id) ?? `\${${variableName(piece.id)}}`;
    case 'home':
      return isWindows ? '${USERPROFILE}' : '${HOME}';
    case 'separator':
      return isWindows ? '\\' : '/';
    default:
      return ownText(piece, options);
  }
}

/** What only an editor knows. */
function ownText(piece: Piece, options: TextOptions): string {
  const { key, place, notes, machine, literal } = options;
  if (piece.kind === 'own') {
    notes.push(`\`${key}\` uses ${piece.raw}, which only the client fills in: it is plain text now`);
    return literal(piece.raw);
  }
  if (place.scope === 'project') return literal(machine.project);
  if (key === 'args' || key === 'cwd') return '{root}';
  notes.push(`\`${key}\` uses the folder that the editor has open, which only \`args\` and \`cwd\` can have here`);
  return '${workspaceFolder}';
}

/** Relative to the file in which it stands. */
function filePath(path: string, place: Place, machine: Machine): string {
  const paths = machine.platform === 'win32' ? win32 : posix;
  if (path.startsWith('~/')) return paths.join(machine.home, path.slice(2));
  return paths.isAbsolute(path) ? path : paths.resolve(paths.dirname(place.path), path);
}

function strings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item: unknown) => strings(item, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strings(inner, change)]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
