/**
 * `${VAR}`, `${VAR:-default}`, `${file:PATH}`, `${secret:NAME}`, `${exec:NAME}` and `$$` in string values. What an expansion
 * produced is never looked at again; `$VAR` is plain text. Nothing is read or run here: `filesIn` and `secretsIn` name what is
 * wanted, the caller brings its text.
 */
import type { Path } from './source.ts';

/** A piece of a text, left to right. `raw` is the piece as written. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'variable'; readonly raw: string; readonly name: string; readonly fallback?: string }
  | { readonly kind: 'file'; readonly raw: string; readonly path: string }
  | { readonly kind: 'secret' | 'exec'; readonly raw: string; readonly name: string }
  | { readonly kind: 'foreign'; readonly raw: string; readonly word: string };

export type Lookup = {
  /** The environment; an own property or nothing. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of the files that `${file:…}` names, by the path as written; an Error says why one cannot be read. */
  readonly files: ReadonlyMap<string, string | Error>;
  /** Values by `${secret:NAME}` or `${exec:NAME}` as written; an Error says why there is none. Absent: none are at hand. */
  readonly secrets?: ReadonlyMap<string, string | Error>;
};

export type Expansion = {
  readonly value: unknown;
  /** Undefined variables: each name with every path where it stands. */
  readonly undefinedVariables: ReadonlyMap<string, readonly Path[]>;
  readonly problems: ReadonlyArray<{ readonly path: Path; readonly message: string }>;
};

/** Whose syntax a `${word:…}` is that Sallyport does not have. */
const foreignWords: Readonly<Record<string, string>> = {
  env: '`${env:NAME}` is the syntax of Cursor, VS Code, Cline and Windsurf; write `${NAME}`',
  input:
    '`${input:ID}` is the syntax of VS Code, which asks for the value; set an environment variable and write `${NAME}`',
  command: '`${command:ID}` is the syntax of VS Code; Sallyport runs no editor commands',
  config: '`${config:KEY}` is the syntax of VS Code; write the value itself',
  workspaceFolder: '`${workspaceFolder:NAME}` is the syntax of VS Code; write the path itself',
  localEnv: '`${localEnv:NAME}` is the syntax of dev containers; write `${NAME}`',
  containerEnv: '`${containerEnv:NAME}` is the syntax of dev containers; write `${NAME}`',
  userHome: '`${userHome:…}` is the syntax of Cursor; write `${HOME}`',
};

/** Pieces of one text. Whatever is no whole `${…}` of ours stays text: `${`, `${}`, `${A-b}`, `$A`. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = '';
  let close = -1;
  let index = 0;
  for (let dollar = text.indexOf('$'); dollar !== -1; dollar = text.indexOf('$', index)) {
    plain += text.slice(index, dollar);
    const next = text[dollar + 1];
    // The next brace is looked for only once the last one is passed: a text of openings stays linear.
    if (close < dollar) close = nextBrace(text, dollar);
    const piece = next === '{' && Number.isFinite(close) ? placeholder(text.slice(dollar, close + 1)) : undefined;
    if (piece === undefined) {
      plain += '$';
      index = dollar + (next === '$' ? 2 : 1);
    } else {
      found.push({ kind: 'text', text: plain }, piece);
      plain = '';
      index = close + 1;
    }
  }
  return [...found, { kind: 'text', text: plain + text.slice(index) }];
}

function nextBrace(text: string, from: number): number {
  const index = text.indexOf('}', from);
  return index === -1 ? Number.POSITIVE_INFINITY : index;
}

function placeholder(raw: string): Piece | undefined {
  const inner = raw.slice(2, -1);
  const variable = /^([A-Za-z_][A-Za-z0-9_]*)(:-)?/.exec(inner);
  if (variable === null) return undefined;
  const name = variable[1] ?? '';
  const rest = inner.slice(variable[0].length);
  if (variable[2] !== undefined) return { kind: 'variable', raw, name, fallback: rest };
  if (rest === '') return { kind: 'variable', raw, name };
  if (!rest.startsWith(':')) return undefined;
  if (name === 'file') return { kind: 'file', raw, path: rest.slice(1) };
  if (name === 'secret' || name === 'exec') return { kind: name, raw, name: rest.slice(1) };
  return { kind: 'foreign', raw, word: name };
}

/** The paths of all `${file:…}` in a value, each once. */
export function filesIn(value: unknown): string[] {
  const paths = new Set<string>();
  walk(value, [], (text) => {
    for (const piece of pieces(text)) if (piece.kind === 'file') paths.add(piece.path);
    return text;
  });
  return [...paths];
}

/** A `${secret:NAME}` or `${exec:NAME}`, and where it stands. */
export type SecretUse = Extract<Piece, { kind: 'secret' | 'exec' }> & { readonly paths: readonly Path[] };

/** All `${secret:…}` and `${exec:…}` in a value, each once. */
export function secretsIn(value: unknown): SecretUse[] {
  const uses = new Map<string, SecretUse>();
  walk(value, [], (text, path) => {
    for (const piece of pieces(text)) {
      if (piece.kind !== 'secret' && piece.kind !== 'exec') continue;
      uses.set(piece.raw, { ...piece, paths: [...(uses.get(piece.raw)?.paths ?? []), path] });
    }
    return text;
  });
  return [...uses.values()];
}

/** Expands every string of a value that is not literal; keys stay as they are. Gives a new value, the given one is not touched. */
export function expand(value: unknown, lookup: Lookup): Expansion {
  const undefinedVariables = new Map<string, Path[]>();
  const problems: Array<{ path: Path; message: string }> = [];
  const expanded = walk(value, [], (text, path) =>
    pieces(text)
      .map((piece) => {
        const result = resolve(piece, lookup);
        if (result.problem !== undefined) problems.push({ path, message: result.problem });
        if (piece.kind === 'variable' && result.text === undefined) {
          const paths = undefinedVariables.get(piece.name);
          if (paths === undefined) undefinedVariables.set(piece.name, [path]);
          else paths.push(path);
        }
        return result.text ?? (piece.kind === 'text' ? piece.text : piece.raw);
      })
      .join(''),
  );
  return { value: expanded, undefinedVariables, problems };
}

type Resolved = { readonly text?: string; readonly problem?: string };

function resolve(piece: Piece, { env, files, secrets }: Lookup): Resolved {
  if (piece.kind === 'text') return { text: piece.text };
  if (piece.kind === 'variable') {
    return resolveVariable(piece, Object.hasOwn(env, piece.name) ? env[piece.name] : undefined);
  }
  if (piece.kind === 'foreign') return { problem: foreignSyntax(piece.word) };
  if (piece.kind !== 'file') {
    const found = secrets?.get(piece.raw) ?? new Error('no secrets are at hand here');
    return typeof found === 'string' ? { text: found } : { problem: `\`${piece.raw}\`: ${found.message}` };
  }
  const content = files.get(piece.path);
  if (typeof content === 'string') return { text: content };
  return { problem: `\`${piece.raw}\` cannot be read: ${content?.message ?? 'no such file'}` };
}

function foreignSyntax(word: string): string {
  const known = Object.hasOwn(foreignWords, word) ? foreignWords[word] : undefined;
  return known ?? `\`\${${word}:…}\` is not known here; for a literal dollar write \`$$\``;
}

function resolveVariable({ fallback }: Extract<Piece, { kind: 'variable' }>, value: string | undefined): Resolved {
  // As in a shell: `:-` stands in for an empty variable too.
  const text = fallback !== undefined && (value === undefined || value === '') ? fallback : value;
  return text === undefined ? {} : { text };
}

/** Text that must arrive as it is, whatever it holds: every `$` doubled. */
export function escapeLiteral(text: string): string {
  return text.replaceAll('$', '$$$$');
}

/** Programs and schemas are full of dollars that mean something else; a file may be named for a whole program. */
function isLiteral(text: string, path: Path): boolean {
  if (path[0] !== 'tools') return false;
  const isCode = path.length === 3 && path[2] === 'code';
  return !(isCode && /^\$\{file:[^{}]*\}$/.test(text));
}

function walk(value: unknown, path: Path, change: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return isLiteral(value, path) ? value : change(value, path);
  if (Array.isArray(value)) return value.map((item: unknown, index) => walk(item, [...path, index], change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key], change)]));
}
