/**
 * Variables as the clients write them, each by the rules of its documentation: what a client would not expand is literal text,
 * whatever it looks like. Pure.
 */
import type { Piece, Variables } from './types.ts';

const NAME = /^[A-Za-z_]\w*$/;

type Match = readonly (string | undefined)[];

/** Undefined leaves the match what it is: text. */
function matching(pattern: RegExp, pieceOf: (match: Match) => Piece | undefined): Variables {
  return (text) => {
    const found: Piece[] = [];
    let from = 0;
    for (const match of text.matchAll(pattern)) {
      const piece = pieceOf(match);
      if (piece === undefined) continue;
      if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) });
      found.push(piece);
      from = match.index + match[0].length;
    }
    return from < text.length ? [...found, { kind: 'text', text: text.slice(from) }] : found;
  };
}

/** Nothing is expanded. */
export const none: Variables = (text) => (text === '' ? [] : [{ kind: 'text', text }]);

/** `${VAR}` and `${VAR:-default}`. */
export const braces: Variables = matching(/\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}/g, ([, name = '', fallback]) => ({
  kind: 'variable',
  name,
  ...(fallback !== undefined && { fallback }),
}));

/** Words of an editor with a value: `${env:VAR}`. */
type WithValue = Readonly<Record<string, (value: string, raw: string) => Piece | undefined>>;
const WITH_VALUE: WithValue = {
  env: (name) => (NAME.test(name) ? { kind: 'variable', name } : undefined),
  input: (id) => ({ kind: 'input', id }),
  command: (_id, raw) => ({ kind: 'own', raw }),
  config: (_key, raw) => ({ kind: 'own', raw }),
  workspaceFolder: (_name, raw) => ({ kind: 'own', raw }),
};
/** Those without: `${userHome}`. */
const ALONE: Readonly<Record<string, Piece['kind']>> = {
  workspaceFolder: 'root',
  workspaceRoot: 'root',
  userHome: 'home',
  pathSeparator: 'separator',
  '/': 'separator',
  workspaceFolderBasename: 'own',
};

/** `${env:VAR}`, `${input:ID}` and the places of an editor. */
export const editor: Variables = editorWith(WITH_VALUE);

/** And `${file:PATH}`: most editors read no files, so an import must not either. */
export const editorWithFiles: Variables = editorWith({ ...WITH_VALUE, file: (path) => ({ kind: 'file', path }) });

function editorWith(words: WithValue): Variables {
  return matching(/\$\{([A-Za-z]+|\/)(?::([^}]*))?\}/g, ([raw = '', word = '', value]) => {
    if (value !== undefined) return Object.hasOwn(words, word) ? words[word]?.(value, raw) : undefined;
    const kind = Object.hasOwn(ALONE, word) ? ALONE[word] : undefined;
    if (kind === 'own') return { kind, raw };
    return kind === 'root' || kind === 'home' || kind === 'separator' ? { kind } : undefined;
  });
}

/** `{env:VAR}` and `{file:PATH}`. */
export const curly: Variables = matching(/\{(env|file):([^}]+)\}/g, ([, word, value = '']) => {
  if (word === 'file') return { kind: 'file', path: value.trim() };
  return NAME.test(value) ? { kind: 'variable', name: value } : undefined;
});

/** `$VAR`, `${VAR}` and `${VAR:-default}`. */
export const shell: Variables = matching(
  /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::-([^}]*))?\})/g,
  ([, bare, braced, fallback]) => ({
    kind: 'variable',
    name: bare ?? braced ?? '',
    ...(fallback !== undefined && { fallback }),
  }),
);

/** `${{ secrets.NAME }}` and `${{ inputs.NAME }}`. */
export const mustache: Variables = matching(/\$\{\{\s*(?:secrets|inputs)\.([\w-]+)\s*\}\}/g, ([, name = '']) => ({
  kind: 'variable',
  name: variableName(name),
}));

/** A name of an environment variable for what has another name: `github-token` → `GITHUB_TOKEN`. */
export function variableName(id: string): string {
  if (NAME.test(id)) return id;
  const name = id.toUpperCase().replaceAll(/\W+/g, '_').slice(0, 100);
  return NAME.test(name) ? name : `_${name}`;
}
