/**
 * What tools and questions mean, as vectors of an endpoint. Those of tools are made in the background, in batches, and kept by
 * what they were made of; until all that somebody sees have one, and while the endpoint fails, nothing is said and words alone
 * count. What leaves: a tool's names, its description and the names of its parameters, and the questions that are asked.
 */

import { hash } from 'node:crypto';
import { isObject } from '@sallyport/wire';
import type { EmbeddingsSetting } from '../meta.ts';
import { similarity, vectorFrom, type Embed, type Vector } from './embeddings.ts';
import { cleanQuery } from './query.ts';
import type { SeenTool } from './types.ts';

export interface MeaningsOptions {
  /** In force; the same object as long as it is the same. */
  readonly setting: () => EmbeddingsSetting | undefined;
  readonly embed: Embed;
  /** Where vectors outlive the process. */
  readonly records: {
    readonly get: (key: string) => Promise<string | undefined>;
    readonly put: (key: string, value: string) => Promise<unknown>;
  };
  readonly monotonic: () => number;
  readonly log: (level: 'info' | 'warn', text: string, detail: Readonly<Record<string, unknown>>) => void;
}

/** Texts of one request. */
const BATCH = 64;
/** A model on this machine may take long over a batch; nobody waits for it. */
const BATCH_MS = 60_000;
/** How long an endpoint that failed is left alone. */
const PAUSE_MS = 60_000;
/** Characters of a text, and of a question. */
const MAX_TEXT = 2000;
/** Vectors that are kept in memory, about a kilobyte each. */
const MAX_VECTORS = 40_000;

interface Ready {
  readonly setting: EmbeddingsSetting;
  readonly vectors: readonly Vector[];
}

export class Meanings {
  readonly #options: MeaningsOptions;
  readonly #vectors: Map<string, Vector> = new Map();
  /** By the tools of an index. */
  readonly #ready: WeakMap<readonly SeenTool[], Ready> = new WeakMap();
  readonly #ended: AbortController = new AbortController();
  #filling = false;
  #failedMs: number | undefined;

  constructor(options: MeaningsOptions) {
    this.#options = options;
  }

  /** Of each tool: how near it is to a question. Undefined where that is not known; never rejects. */
  async of(tools: readonly SeenTool[], question: string): Promise<Float32Array | undefined> {
    const setting = this.#options.setting();
    if (setting === undefined || this.#isPaused() || this.#ended.signal.aborted) return undefined;
    const ready = this.#ready.get(tools);
    if (ready?.setting !== setting) {
      void this.#fill(tools, setting);
      return undefined;
    }
    const text = cleanQuery(question).trim().slice(0, MAX_TEXT);
    const [asked] = text === '' ? [] : ((await this.#embed([text], setting, setting.timeoutMs)) ?? []);
    return asked && Float32Array.from(ready.vectors, (vector) => similarity(vector, asked));
  }

  /** Nothing is asked any more. Idempotent. */
  close(): void {
    this.#ended.abort();
  }

  #isPaused(): boolean {
    return this.#failedMs !== undefined && this.#options.monotonic() - this.#failedMs < PAUSE_MS;
  }

  /** One at a time: who comes meanwhile is answered by words, and asks again. */
  async #fill(tools: readonly SeenTool[], setting: EmbeddingsSetting): Promise<void> {
    if (this.#filling) return;
    this.#filling = true;
    try {
      const vectors: Vector[] = [];
      for (let at = 0; at < tools.length; at += BATCH) {
        const batch = await this.#batch(tools.slice(at, at + BATCH), setting);
        if (batch === undefined) return;
        vectors.push(...batch);
      }
      this.#ready.set(tools, { setting, vectors });
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#filling = false;
    }
  }

  async #batch(tools: readonly SeenTool[], setting: EmbeddingsSetting): Promise<readonly Vector[] | undefined> {
    const texts = tools.map(textOf);
    const keys = texts.map((text) => hash('sha256', JSON.stringify([setting.model, setting.dimensions, text]), 'hex'));
    const vectors = await Promise.all(keys.map((key) => this.#known(key)));
    const lacking = [...keys.keys()].filter((at) => vectors[at] === undefined);
    if (lacking.length > 0) {
      const made = await this.#embed(
        lacking.map((at) => texts[at] ?? ''),
        setting,
        BATCH_MS,
      );
      if (made === undefined) return undefined;
      for (const [place, at] of lacking.entries()) {
        vectors[at] = made[place];
        await this.#keep(keys[at] ?? '', made[place] as Vector);
      }
    }
    return vectors as readonly Vector[];
  }

  async #known(key: string): Promise<Vector | undefined> {
    const known = this.#vectors.get(key);
    if (known !== undefined) return known;
    const kept = await this.#options.records.get(key);
    const vector = kept === undefined ? undefined : vectorFrom(new Int8Array(Buffer.from(kept, 'base64')));
    if (vector !== undefined) this.#remember(key, vector);
    return vector;
  }

  async #keep(key: string, vector: Vector): Promise<void> {
    this.#remember(key, vector);
    await this.#options.records.put(key, Buffer.from(vector.values.buffer).toString('base64'));
  }

  #remember(key: string, vector: Vector): void {
    if (this.#vectors.size >= MAX_VECTORS) this.#vectors.clear();
    this.#vectors.set(key, vector);
  }

  async #embed(texts: readonly string[], setting: EmbeddingsSetting, ms: number): Promise<Vector[] | undefined> {
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(ms)]);
    try {
      const vectors = await this.#options.embed(texts, setting, signal);
      if (this.#failedMs !== undefined) this.#options.log('info', 'embeddings: the endpoint answers again', {});
      this.#failedMs = undefined;
      return vectors;
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** Said once, until it answers again. */
  #failed(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    if (this.#failedMs === undefined) {
      const text = 'embeddings: the endpoint fails, so tools are found by words alone until it answers';
      this.#options.log('warn', text, { error: error instanceof Error ? error.message : String(error) });
    }
    this.#failedMs = this.#options.monotonic();
  }
}

function textOf({ original, server, shown }: SeenTool): string {
  const { description, inputSchema, title } = shown;
  const properties = isObject(inputSchema) && isObject(inputSchema['properties']) ? inputSchema['properties'] : {};
  const name = typeof title === 'string' ? `${original} (${title})` : original;
  const said = typeof description === 'string' ? description : '';
  return `${server}: ${name}\n${said.slice(0, MAX_TEXT)}\n${Object.keys(properties).join(', ')}`.slice(0, MAX_TEXT);
}
