/**
 * A server of the registry as one of the configuration: which of its ways is taken, which values it needs, what is written. All
 * text comes from whoever published it, so all of it is literal, versions are exact, and nothing of it can become an option of
 * the program that starts it. Pure. `server.json`, schema 2025-12-11.
 */
import { isObject } from '@sallyport/wire';

type Detail = Readonly<Record<string, unknown>>;

/** A way to run or reach a server. */
export interface Way {
  /** `remote`, `npm`, `pypi`, `oci`, `nuget`. */
  readonly kind: string;
  /** For a person: the address, or the package with its version. */
  readonly label: string;
  /** What it needs; asked once for a name. */
  readonly needs: readonly Need[];
  /** `answers`: by id of a need; those that are missing are left out. Texts in the syntax of the configuration. */
  readonly server: (answers: ReadonlyMap<string, string>, literal: (text: string) => string) => Detail;
}

export interface Need {
  readonly id: string;
  readonly description: string;
  readonly required: boolean;
  readonly secret: boolean;
  readonly fallback?: string;
  readonly choices?: readonly string[];
}

const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+_-]{0,127}$/;
/** No dash at the beginning: the program would take it for an option. */
const PACKAGES: ReadonlyMap<string, RegExp> = new Map([
  ['npm', /^(?:@[a-z0-9~][\w.~-]*\/)?[a-z0-9~][\w.~-]*$/i],
  ['pypi', /^[A-Za-z0-9][\w.-]*$/],
  ['nuget', /^[A-Za-z0-9][\w.-]*$/],
  ['oci', /^[a-z0-9][\w./:@-]*$/i],
]);

/** Where the program of a kind fetches from by itself: a package of another place has the name of something else there. */
const SOURCES: ReadonlyMap<string, RegExp> = new Map([
  ['npm', /^https:\/\/registry\.npmjs\.org\/?$/],
  ['pypi', /^https:\/\/pypi\.org(?:\/simple)?\/?$/],
  ['nuget', /^https:\/\/api\.nuget\.org(?:\/v3(?:\/index\.json)?)?\/?$/],
]);

/** Kinds whose program fetches what it runs. The engine of containers takes options too; which of them open it is said. */
const FETCHING: ReadonlySet<string> = new Set(['npm', 'pypi', 'nuget']);
/** Options of theirs that change nothing of what is run. */
const HARMLESS: ReadonlySet<string> = new Set(['-y', '--yes']);

/** Ways that can be taken, remote ones first: they run nothing here. */
export function waysOf(detail: Detail): { readonly ways: readonly Way[]; readonly left: readonly string[] } {
  const left: string[] = [];
  const remotes = listOf(detail['remotes']).flatMap((one) => {
    const found = remoteWay(one);
    if (found.length === 0) left.push(`remote ${textOf(one['url'])}: it is no address that begins with http`);
    return found;
  });
  const packages = listOf(detail['packages']).flatMap((one) => {
    const way = packageWay(one);
    if (typeof way !== 'string') return [way];
    left.push(way);
    return [];
  });
  return { ways: [...remotes, ...packages], left };
}

function remoteWay(remote: Detail): Way[] {
  const { url, type } = remote;
  if (typeof url !== 'string' || !/^https?:\/\//.test(url)) return [];
  const values = [
    template(url, isObject(remote['variables']) ? remote['variables'] : {}),
    ...listOf(remote['headers']).map((header) => ({
      name: textOf(header['name']),
      value: inputOf(header, textOf(header['name'])),
    })),
  ];
  const [address, ...headers] = values as [Value, ...{ name: string; value: Value }[]];
  return [
    {
      kind: 'remote',
      label: url,
      needs: needsOf([address, ...headers.map(({ value }) => value)]),
      server: (answers, literal) => {
        const written = headers.flatMap(({ name, value }) => {
          const text = fill(value, answers, literal);
          return text === undefined ? [] : [[name, text]];
        });
        return {
          url: fill(address, answers, literal) ?? literal(url),
          ...(type === 'sse' && { type: 'sse' }),
          ...(written.length > 0 && { headers: Object.fromEntries(written) as Detail }),
        };
      },
    },
  ];
}

interface Package {
  readonly kind: string;
  readonly spec: string;
}

function foreignSource(kind: string, source: unknown): string | undefined {
  if (typeof source !== 'string' || SOURCES.get(kind)?.test(source) !== false) return undefined;
  return `it is to be fetched from ${source}, and its program would fetch it from elsewhere`;
}

/** A package with its exact version, or a sentence why it cannot be taken. */
function packageOf(one: Detail): Package | string {
  const kind = textOf(one['registryType']);
  const identifier = textOf(one['identifier']);
  const version = textOf(one['version']);
  const transport = isObject(one['transport']) ? textOf(one['transport']['type']) : 'stdio';
  const pattern = PACKAGES.get(kind);
  if (pattern === undefined) return `${kind || 'a package'}: no program here runs such packages`;
  if (transport !== 'stdio') return `${kind} ${identifier}: it has to be started by hand, since it speaks ${transport}`;
  if (!pattern.test(identifier)) return `${kind}: the name of the package is none`;
  if (kind === 'oci' && version === '' && /[:@][^/]+$/.test(identifier)) return { kind, spec: identifier };
  if (!VERSION.test(version) || version === 'latest') return `${kind} ${identifier}: it names no exact version`;
  return { kind, spec: `${identifier}${kind === 'oci' ? ':' : '@'}${version}` };
}

/** With a value of its own, `-y` would be followed by another package. */
function isHarmless({ flag, value: { parts, required } }: Argument): boolean {
  const [word] = parts;
  if (flag !== undefined) return HARMLESS.has(flag) && typeof word === 'object' && !required;
  return parts.length === 1 && typeof word === 'string' && HARMLESS.has(word);
}

function packageWay(one: Detail): Way | string {
  const found = packageOf(one);
  if (typeof found === 'string') return found;
  const { kind, spec } = found;
  const elsewhere = foreignSource(kind, one['registryBaseUrl']);
  if (elsewhere !== undefined) return `${spec}: ${elsewhere}`;
  const runtime = listOf(one['runtimeArguments']).map(argumentOf);
  if (FETCHING.has(kind) && !runtime.every(isHarmless)) {
    return `${spec}: it wants options of the program that fetches it, which could run something else than this version`;
  }
  const own = listOf(one['packageArguments']).map(argumentOf);
  const env = listOf(one['environmentVariables']).map((variable) => ({
    name: textOf(variable['name']),
    value: inputOf(variable, textOf(variable['name'])),
  }));
  return {
    kind,
    label: spec,
    needs: needsOf([...runtime, ...own, ...env].map(({ value }) => value)),
    server: (answers, literal) => {
      const variables = env.flatMap(({ name, value }) => {
        const text = fill(value, answers, literal);
        return text === undefined || !/^[A-Za-z_]\w*$/.test(name) ? [] : [[name, text] as const];
      });
      const words = (list: readonly Argument[]): string[] =>
        list.flatMap((arg) => argumentWords(arg, answers, literal));
      const names = variables.map(([name]) => name);
      return {
        ...commandOf(kind, literal(spec), words(runtime), words(own), names),
        ...(variables.length > 0 && { env: Object.fromEntries(variables) }),
      };
    },
  };
}

function commandOf(
  kind: string,
  spec: string,
  runtime: readonly string[],
  own: readonly string[],
  variables: readonly string[],
): Detail {
  if (kind === 'npm') return { command: 'npx', args: ['-y', ...runtime.filter((word) => word !== '-y'), spec, ...own] };
  if (kind === 'pypi') return { command: 'uvx', args: [...runtime, spec, ...own] };
  if (kind === 'nuget')
    return { command: 'dnx', args: [spec, '--yes', ...runtime, ...(own.length > 0 ? ['--', ...own] : [])] };
  const passed = variables.flatMap((name) => ['-e', name]);
  // What the publisher writes of `run -i --rm` is there already.
  const flags = runtime.filter((word) => !['run', '-i', '--rm', '-it'].includes(word));
  return { command: 'docker', args: ['run', '-i', '--rm', ...passed, ...flags, spec, ...own] };
}

/** Text with places that are filled in: `{name}`, or as a whole. */
interface Value {
  readonly parts: readonly (string | { readonly id: string })[];
  readonly needs: readonly Need[];
  readonly required: boolean;
}

interface Argument {
  readonly flag: string | undefined;
  readonly value: Value;
}

function argumentOf(argument: Detail, index: number): Argument {
  const isNamed = argument['type'] === 'named';
  const name = textOf(argument['name']);
  const id = textOf(argument['valueHint']) || name.replace(/^-+/, '') || `argument ${index + 1}`;
  return { flag: isNamed ? name : undefined, value: inputOf(argument, id) };
}

function argumentWords(
  { flag, value }: Argument,
  answers: ReadonlyMap<string, string>,
  literal: (text: string) => string,
): string[] {
  const text = fill(value, answers, literal);
  if (flag === undefined) return text === undefined ? [] : [text];
  const isSwitch = value.parts.length === 0;
  if (text === undefined) return isSwitch && value.required ? [literal(flag)] : [];
  return [literal(flag), text];
}

/** An `Input`: a fixed value, perhaps with variables in it, or something to ask for. */
function inputOf(input: Detail, id: string): Value {
  const required = input['isRequired'] === true;
  const { value } = input;
  if (typeof value === 'string') {
    return { ...template(value, isObject(input['variables']) ? input['variables'] : {}), required };
  }
  return { parts: [{ id }], needs: [needOf(input, id)], required };
}

function template(text: string, variables: Detail): Value {
  const parts: (string | { readonly id: string })[] = [];
  const needs: Need[] = [];
  let from = 0;
  for (const match of text.matchAll(/\{([\w.-]+)\}/g)) {
    const id = match[1] ?? '';
    const variable = variables[id];
    if (!isObject(variable)) continue;
    parts.push(text.slice(from, match.index), { id });
    from = match.index + match[0].length;
    needs.push({ ...needOf(variable, id), required: true });
  }
  return { parts: [...parts, text.slice(from)], needs, required: true };
}

function needOf(input: Detail, id: string): Need {
  const fallback = input['default'] ?? input['value'];
  const choices = Array.isArray(input['choices']) ? input['choices'].map(String) : [];
  return {
    id,
    description: textOf(input['description']) || textOf(input['placeholder']),
    required: input['isRequired'] === true,
    secret: input['isSecret'] === true,
    ...(typeof fallback === 'string' && { fallback }),
    ...(choices.length > 0 && { choices }),
  };
}

/** Undefined when something that it is made of was not given. */
function fill(
  value: Value,
  answers: ReadonlyMap<string, string>,
  literal: (text: string) => string,
): string | undefined {
  const texts = value.parts.map((part) => (typeof part === 'string' ? literal(part) : answers.get(part.id)));
  return texts.includes(undefined) ? undefined : texts.join('');
}

/** Each name once; it is required when any place requires it. */
function needsOf(values: readonly Value[]): Need[] {
  const byId = new Map<string, Need>();
  for (const need of values.flatMap(({ needs }) => needs)) {
    const before = byId.get(need.id);
    const merged = { ...need, required: need.required || before?.required === true };
    byId.set(need.id, { ...merged, secret: need.secret || before?.secret === true });
  }
  return [...byId.values()];
}

function listOf(value: unknown): Detail[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
