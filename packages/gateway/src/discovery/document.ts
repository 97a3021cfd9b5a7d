/**
 * A tool as it is searched: its words, each with what it weighs by where it stands (BM25F: S. Robertson, H. Zaragoza, "The
 * Probabilistic Relevance Framework", 2009). The weights were measured (`npm run bench:search`); lengths are held against those
 * of real catalogues, so that what a word weighs does not depend on which other tools somebody may see.
 */

import { isObject, type JsonObject, type JsonValue } from '@sallyport/wire';
import type { SeenServer, SeenTool } from './types.ts';
import type { Words } from './words.ts';

export interface SearchDocument {
  readonly terms: readonly string[];
  /** Of each term: between 0 and 1, saturated. */
  readonly weights: Float32Array;
  /** The words of the tool's own name. */
  readonly name: readonly string[];
}

interface Field {
  readonly weight: number;
  /** Words in such a field of a real catalogue, on the average. */
  readonly length: number;
  /** How much a longer one counts for less: 0 not at all, 1 fully. */
  readonly norm: number;
}

interface Weights {
  readonly fields: Readonly<Record<FieldName, Field>>;
  /** How soon a word that occurs again counts for no more. */
  readonly saturation: number;
}

type FieldName =
  | 'name'
  | 'title'
  | 'summary'
  | 'description'
  | 'parameters'
  | 'parameterTexts'
  | 'server'
  | 'serverText';

const WEIGHTS: Weights = {
  fields: {
    name: { weight: 4, length: 3, norm: 0.6 },
    title: { weight: 2.5, length: 3, norm: 0.5 },
    summary: { weight: 2.25, length: 9, norm: 0.5 },
    description: { weight: 1, length: 25, norm: 1 },
    parameters: { weight: 1, length: 6, norm: 0.6 },
    parameterTexts: { weight: 0.4, length: 20, norm: 0.6 },
    server: { weight: 2.5, length: 2, norm: 0.3 },
    serverText: { weight: 0.5, length: 15, norm: 0.6 },
  },
  saturation: 1.5,
};

/** Characters of one text that are looked at: descriptions come from strangers. */
const MAX_TEXT = 8000;
/** Parameters of one tool, nested ones included. */
const MAX_PARAMETERS = 200;
const MAX_DEPTH = 5;

export function documentOf(tool: SeenTool, server: SeenServer | undefined, words: Words): SearchDocument {
  const { description, inputSchema, title } = tool.shown;
  const annotations = isObject(tool.shown['annotations']) ? tool.shown['annotations'] : {};
  const text = textOf(description);
  const cut = endOfSentence(text);
  const parameters = parametersIn(inputSchema);
  const name = words.of(tool.original);
  const fields: Readonly<Record<FieldName, readonly string[]>> = {
    name,
    title: words.of(textOf(title ?? annotations['title'])),
    summary: words.of(text.slice(0, cut)),
    description: words.of(text.slice(cut)),
    parameters: words.of(parameters.names.join(' ')),
    parameterTexts: words.of(parameters.texts.join(' ').slice(0, MAX_TEXT)),
    server: words.of(tool.server),
    serverText: words.of((server?.description ?? '').slice(0, MAX_TEXT)),
  };
  const sums = new Map<string, number>();
  for (const [field, found] of Object.entries(fields)) addField(sums, found, WEIGHTS.fields[field as FieldName]);
  const terms = [...sums.keys()];
  return {
    terms,
    weights: Float32Array.from(sums.values(), (sum) => sum / (WEIGHTS.saturation + sum)),
    name: [...new Set(name)],
  };
}

function addField(sums: Map<string, number>, found: readonly string[], { length, norm, weight }: Field): void {
  if (found.length === 0 || weight === 0) return;
  const each = weight / (1 - norm + (norm * found.length) / length);
  for (const word of found) sums.set(word, (sums.get(word) ?? 0) + each);
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

/** Where the first sentence ends. */
function endOfSentence(text: string): number {
  const found = /[.!?](?=\s)|[。！？]|\n/u.exec(text.trimStart());
  return found === null ? text.length : found.index + 1 + text.length - text.trimStart().length;
}

interface Parameters {
  readonly names: string[];
  readonly texts: string[];
}

function parametersIn(schema: JsonValue | undefined): Parameters {
  const found: Parameters = { names: [], texts: [] };
  collect(schema, found, 0);
  return found;
}

function collect(schema: JsonValue | undefined, found: Parameters, depth: number): void {
  if (!isObject(schema) || depth > MAX_DEPTH) return;
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  for (const [name, property] of properties) {
    if (found.names.length >= MAX_PARAMETERS) return;
    found.names.push(name);
    if (!isObject(property)) continue;
    found.texts.push(textOf(property['title']), textOf(property['description']), valuesIn(property));
    collect(property, found, depth + 1);
  }
  collect(schema['items'], found, depth + 1);
}

function valuesIn({ enum: values }: JsonObject): string {
  return Array.isArray(values)
    ? values
        .filter((value) => typeof value === 'string')
        .slice(0, 50)
        .join(' ')
    : '';
}
