/**
 * `config convert`: a file of Only1MCP, of dynamic-mcp or of another program that foreign.ts knows, rewritten as ours. What is
 * mapped is written in our keys, what is left out is listed, what cannot be expressed stops the conversion. Variables stay
 * variables.
 */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { checkDraft, draftOf, type Draft } from './check-text.ts';
import { commented } from './convert-comments.ts';
import { convertDynamicMcp, isDynamicMcp } from './convert-dynamic-mcp.ts';
import { pieces, type Lookup } from './expand.ts';
import { refuseNotYet } from './not-yet.ts';
import { convertOnly1Mcp, isOnly1Mcp, originsOf } from './only1mcp.ts';
import { at } from './only1mcp-reader.ts';
import { configError } from './problems.ts';
import { locate, readSource, type Format, type Source } from './source.ts';
import type { Finding } from './schema-parts.ts';
import type { Problem } from './types.ts';

export type Conversion = { readonly text: string; readonly notes: readonly Problem[] };

/** Converts the text of `file`. Rejects with a ConfigError when something in it would be lost. */
export async function convertConfig(
  file: string,
  text: string,
  format: Format,
  output: 'yaml' | 'json',
): Promise<Conversion> {
  const source = await readSource(text, format);
  if (isOnly1Mcp(source.value)) return fromOnly1Mcp(file, source.value, source, output);
  const draft = await draftOf(file, text, format);
  const value = isDynamicMcp(draft.value) ? convertDynamicMcp(draft.value) : draft.value;
  const lost = lostIn({ ...draft, value }, draft.source.value);
  if (lost.length > 0) throw configError(lost);
  return { text: output === 'yaml' ? stringify(value, { lineWidth: 0 }) : jsonText(value), notes: draft.warnings };
}

function fromOnly1Mcp(
  file: string,
  written: Readonly<Record<string, unknown>>,
  source: Source,
  output: 'yaml' | 'json',
): Conversion {
  const ledger = convertOnly1Mcp(written);
  const { value, notes, comments } = ledger;
  const place = ({ path, message }: Finding): Problem => {
    const position = locate(source, path);
    return { file, ...(position !== undefined && { position }), path, message };
  };
  // Nothing of this draft has a place in the file: where each value came from, the ledger knows.
  const empty = { value, positions: new Map(), problems: [] };
  const draft = { file, source: empty, value, moved: new Map(), problems: [], warnings: [], order: [] };
  const found = lostIn(draft, value).flatMap(({ path: ours, message, isRefused }) =>
    // A room that is not built is refused as a whole: each key that went there is named.
    originsOf(ledger, ours)
      .slice(0, isRefused ? undefined : 1)
      .map((path) => place({ path, message: `our \`${ours.join('.')}\`: ${message}` })),
  );
  const read = source.problems.map(({ path, message }) => place({ path, message }));
  const problems = [...read, ...ledger.problems.map(place), ...found];
  if (problems.length > 0) throw configError(problems);
  return { text: output === 'yaml' ? commented(value, comments) : jsonText(value), notes: notes.map(place) };
}

/**
 * What a check finds that is no matter of a variable. Variables may well be unset where a file is converted: each stands for
 * a text that could be a secret, and where that does not fit, nothing can be said.
 */
function lostIn(draft: Draft, written: unknown): ReadonlyArray<Problem & { readonly isRefused: boolean }> {
  const lookup: Lookup = { env: standIns(draft.value), files: new Map() };
  const refused = new Set(refuseNotYet(draft.value).map(({ message }) => message));
  return checkDraft(draft, lookup)
    .problems.map((problem) => ({ ...problem, isRefused: refused.has(problem.message) }))
    .filter(({ isRefused, path }) => isRefused || !hasVariable(at(written, path)));
}

/** A text for every variable, another for each. */
function standIns(value: unknown): Record<string, string> {
  if (typeof value === 'string') {
    const names = pieces(value).flatMap((piece) => (piece.kind === 'variable' ? [piece.name] : []));
    return Object.fromEntries(names.map((name) => [name, createHash('sha256').update(name).digest('hex')]));
  }
  if (typeof value !== 'object' || value === null) return {};
  return Object.assign({}, ...Object.values(value).map(standIns)) as Record<string, string>;
}

function hasVariable(text: unknown): boolean {
  return typeof text === 'string' && pieces(text).some(({ kind }) => kind === 'variable' || kind === 'file');
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
