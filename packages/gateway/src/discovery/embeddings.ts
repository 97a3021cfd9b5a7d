/**
 * An endpoint that turns texts into vectors: OpenAI's `POST …/v1/embeddings` and what is compatible with it, or Ollama's
 * `POST …/api/embed`. The request is the same for both; the answer tells them apart. It neither keeps nor compares vectors.
 */

import { isObject } from '@sallyport/wire';
import { boundedText } from '../bounded-text.ts';
import type { EmbeddingsSetting } from '../meta.ts';

/** Small numbers that stand in the proportions of the original. */
export interface Vector {
  readonly values: Int8Array;
  /** Their length as a vector, never 0. */
  readonly norm: number;
}

export interface EmbedOptions {
  /** As the global one. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** One vector for each text, in their order. Rejects with what is wrong with the endpoint, in words for the log. */
export type Embed = (texts: readonly string[], setting: EmbeddingsSetting, signal: AbortSignal) => Promise<Vector[]>;

const MAX_DIMENSIONS = 8192;
/** Of an answer, for each text: a number in it takes about twenty. */
const MAX_BYTES_PER_TEXT = MAX_DIMENSIONS * 24;
const LARGEST = 127;

export function createEmbed({ fetch }: EmbedOptions): Embed {
  return async (texts, { dimensions, key, model, url }, signal) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({ model, input: texts, ...(dimensions !== undefined && { dimensions }) }),
      redirect: 'error',
      signal,
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`it answered ${response.status}`);
    }
    const vectors = vectorsIn(JSON.parse(await boundedText(response, texts.length * MAX_BYTES_PER_TEXT)));
    if (vectors?.length !== texts.length) throw new Error('it did not answer with a vector for each text');
    const sizes = new Set(vectors.map(({ values }) => values.length));
    if (sizes.size > 1) throw new Error('it answered with vectors of different lengths');
    return vectors;
  };
}

/** `{data: [{index, embedding}]}` of OpenAI, `{embeddings}` of Ollama; undefined where it is neither. */
function vectorsIn(answer: unknown): Vector[] | undefined {
  if (!isObject(answer)) return undefined;
  const { data, embeddings } = answer;
  const lists = Array.isArray(data) ? inOrder(data) : embeddings;
  if (!Array.isArray(lists)) return undefined;
  const vectors = lists.map(vectorOf);
  return vectors.every((vector) => vector !== undefined) ? vectors : undefined;
}

/** They say themselves where they belong. */
function inOrder(data: readonly unknown[]): readonly unknown[] {
  const entries = data.filter((entry) => isObject(entry));
  const ordered = entries.toSorted((one, other) => Number(one['index'] ?? 0) - Number(other['index'] ?? 0));
  return ordered.map(({ embedding }) => embedding);
}

function vectorOf(list: unknown): Vector | undefined {
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_DIMENSIONS) return undefined;
  let largest = 0;
  for (const value of list) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
    largest = Math.max(largest, Math.abs(value));
  }
  if (largest === 0) return undefined;
  return vectorFrom(Int8Array.from(list as number[], (value) => Math.round((value / largest) * LARGEST)));
}

/** Undefined of nothing but zeros. */
export function vectorFrom(values: Int8Array): Vector | undefined {
  const norm = Math.sqrt(dot(values, values));
  return norm === 0 ? undefined : { values, norm };
}

/** The cosine of the angle between two: 1 where they mean the same. Of different lengths they have nothing in common. */
export function similarity(one: Vector, other: Vector): number {
  return one.values.length === other.values.length ? dot(one.values, other.values) / (one.norm * other.norm) : 0;
}

function dot(one: Int8Array, other: Int8Array): number {
  let sum = 0;
  for (let at = 0; at < one.length; at++) sum += (one[at] as number) * (other[at] as number);
  return sum;
}
