/**
 * From the text of a configuration file to a checked entry: read, map foreign keys, expand, check. All findings of all steps
 * come back together, each with its place. Text in, value out: the caller reads the files.
 */
import { checkConfig, type Finding } from './check.ts';
import { doubts } from './check-across.ts';
import { relativeCommands, riskyVariables, unpinned } from './children.ts';
import { expand, type Lookup } from './expand.ts';
import { mapForeign } from './foreign.ts';
import { refuseNotYet } from './not-yet.ts';
import { isStrict } from './profile.ts';
import type { ConfigEntry } from './schema.ts';
import { checkServers } from './servers.ts';
import { keysInOrder, locate, pathKey, readSource, type Format, type Path, type Source } from './source.ts';
import type { Problem } from './types.ts';

/** A file's text, read and with foreign keys mapped; not expanded. */
export type Draft = {
  readonly file: string;
  readonly source: Source;
  readonly value: unknown;
  readonly moved: ReadonlyMap<string, Path>;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Server names in the order of the file. */
  readonly order: readonly string[];
};

/** What the check of a draft gives; `entry` only when there are no problems. */
export type Checked = {
  readonly entry?: ConfigEntry;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** The expanded value, before defaults. */
  readonly value: unknown;
  /** What the profile put there. */
  readonly profiled: readonly Path[];
  /** Paths that still hold an undefined variable. */
  readonly unresolved: readonly Path[];
};

/** Reads the text; a draft with problems and no value is one that could not be read. */
export async function draftOf(file: string, text: string, format: Format): Promise<Draft> {
  const source = await readSource(text, format);
  const foreign = mapForeign(withoutSchemaKeys(source.value));
  const place = placer(file, source, foreign.moved);
  const roots = ['mcpServers', 'servers', 'mcp_servers'];
  return {
    file,
    source,
    value: foreign.value,
    moved: foreign.moved,
    problems: [
      ...source.problems.map(({ position, path, message }) => ({ file, ...(position && { position }), path, message })),
      ...foreign.problems.map(place),
      ...(source.value === undefined || isObject(source.value)
        ? []
        : [place({ path: [], message: 'expected an object with `mcpServers`' })]),
    ],
    warnings: foreign.warnings.map(place),
    order: roots.flatMap((root) => keysInOrder(source, [root])),
  };
}

/** Expands and checks. Under `strict` undefined variables are problems. */
export function checkDraft(draft: Draft, lookup: Lookup): Checked {
  const place = placer(draft.file, draft.source, draft.moved);
  if (!isObject(draft.value)) {
    return { problems: draft.problems, warnings: draft.warnings, value: {}, profiled: [], unresolved: [] };
  }
  const expansion = expand(draft.value, lookup);
  const { entry, findings, profiled } = checkConfig(expansion.value);
  const refused = refuseNotYet(expansion.value);
  const unresolved = [...expansion.undefinedVariables.values()].flat();
  const unresolvedKeys = new Set(unresolved.map(pathKey));
  const covered = (path: Path): boolean =>
    refused.some((one) => startsWith(path, one.path)) || unresolvedKeys.has(pathKey(path));
  const wanted = new Map(findings.map((finding) => [pathKey(finding.path), finding.message]));
  const undefinedVariables = [...expansion.undefinedVariables].map(([name, paths]) =>
    undefinedVariable(name, paths, wanted),
  );
  const strict = isStrict(expansion.value);
  const isProblem = ({ path }: Finding): boolean => strict || isFirm(path) || wanted.has(pathKey(path));
  const doubted = entry === undefined ? [] : [...doubts(entry), ...unpinned(entry)];
  const problems = [
    ...draft.problems,
    ...[
      ...expansion.problems,
      ...(strict ? doubted : []),
      ...(strict && entry !== undefined ? relativeCommands(entry) : []),
      ...undefinedVariables.filter(isProblem),
      ...refused,
      ...checkServers(expansion.value),
      ...findings.filter(({ path }) => !covered(path)),
    ].map(place),
  ];
  const accepted = [
    ...undefinedVariables.filter((one) => !isProblem(one)),
    ...(strict ? [] : doubted),
    ...(entry === undefined ? [] : riskyVariables(entry)),
  ];
  const warnings = [...draft.warnings, ...accepted.map(place)];
  return {
    ...(entry !== undefined && problems.length === 0 && { entry }),
    problems: eachOnce(problems),
    warnings,
    value: expansion.value,
    profiled,
    unresolved,
  };
}

/** Where a text with an undefined variable would be a key that anybody can read, or a rule that never matches. */
function isFirm([part]: Path): boolean {
  return ['alerts', 'audit', 'auth', 'interceptors', 'listen', 'policy', 'security'].includes(String(part));
}

/** One message for a variable, at the place where it does most harm: where no text will do, else the first. */
function undefinedVariable(name: string, paths: readonly Path[], wanted: ReadonlyMap<string, string>): Finding {
  const hard = paths.find((path) => wanted.has(pathKey(path)));
  const firm = paths.find(isFirm);
  const path = hard ?? firm ?? paths[0] ?? [];
  const expected = hard === undefined ? '' : `, and here ${wanted.get(pathKey(hard)) ?? ''}`;
  const stays = hard === undefined && firm === undefined ? ` and stays as it is written${editorVariable(name)}` : '';
  return { path, message: `the variable ${name} is not set${expected}${stays}` };
}

/** Variables that editors fill in and no environment has. */
function editorVariable(name: string): string {
  const known = ['workspaceFolder', 'workspaceFolderBasename', 'userHome', 'pathSeparator', 'CLAUDE_PLUGIN_ROOT'];
  return known.includes(name) ? '; only an editor would fill it in' : '';
}

function placer(file: string, source: Source, moved: ReadonlyMap<string, Path>): (finding: Finding) => Problem {
  return ({ path, message }) => {
    const written = writtenPath(path, moved);
    const position = locate(source, written);
    return { file, ...(position !== undefined && { position }), path: written, message };
  };
}

/** Where a value was written that a foreign key put somewhere else. */
export function writtenPath(path: Path, moved: ReadonlyMap<string, Path>): Path {
  for (let length = path.length; length > 0; length -= 1) {
    const origin = moved.get(pathKey(path.slice(0, length)));
    if (origin !== undefined) return [...origin, ...path.slice(length)];
  }
  return path;
}

/** `$schema` may stand in any object of ours; in maps of the user's own keys it is a key like others. */
function withoutSchemaKeys(value: unknown, path: Path = []): unknown {
  const own =
    (path[0] === 'policy' && path.length > 1) ||
    (path[0] === 'tools' && path.length > 1) ||
    (path[0] === 'mcpServers' &&
      (path.length === 1 || ['env', 'headers'].includes(String(path[2])) || path.length > 3));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, member]) => own || key !== '$schema' || typeof member !== 'string')
      .map(([key, member]) => [key, withoutSchemaKeys(member, [...path, key])]),
  );
}

function startsWith(path: Path, prefix: Path): boolean {
  return prefix.every((key, index) => path[index] === key);
}

function eachOnce(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${pathKey(problem.path)} ${problem.message}`, problem])).values()];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
