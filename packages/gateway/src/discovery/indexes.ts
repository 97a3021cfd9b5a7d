/**
 * Indexes of what is seen, made when somebody looks for something and kept by their content: whoever sees the same shares one, and
 * nothing is made again when what has come anew says the same. What is known of a tool is kept by its content too, so that a server
 * that changes costs no more than its own tools. Made in slices: the calls of others do not wait for it.
 */

import { hash } from 'node:crypto';
import { documentOf, type SearchDocument } from './document.ts';
import { createPostings } from './postings.ts';
import { SearchIndex } from './search-index.ts';
import { createSynonyms } from './synonyms.ts';
import type { SeenServer, SeenTool, Sight } from './types.ts';
import { Words } from './words.ts';

export interface IndexesOptions {
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
  /** Lets everything else have its turn. */
  readonly pause: () => Promise<void>;
}

/** Milliseconds after which everything else has its turn. */
const SLICE_MS = 10;
/** Entries of all indexes that are kept, about eight bytes each; the one that was used last is kept whatever its size. */
const MAX_ENTRIES = 8_000_000;
/** Tools of which it is kept what they say, about a kilobyte each. */
const MAX_DOCUMENTS = 20_000;

/** By what it was made of something: the hash of it, and the descriptions of the servers that are in it. */
interface Hashed {
  readonly serverText: string;
  readonly hash: string;
}

type Tools = Sight['tools'];

export class Indexes {
  readonly #options: IndexesOptions;
  readonly #words: Words = new Words();
  readonly #synonyms: ReadonlyMap<string, readonly string[]>;
  readonly #hashes: WeakMap<SeenTool['shown'], Hashed> = new WeakMap();
  readonly #documents: Map<string, SearchDocument> = new Map();
  readonly #ofTools: WeakMap<Tools, Hashed> = new WeakMap();
  /** By the hash of their content; the one that was used last at the end. */
  readonly #made: Map<string, SearchIndex> = new Map();
  readonly #underWay: Map<Tools, Promise<SearchIndex>> = new Map();

  constructor(options: IndexesOptions) {
    this.#options = options;
    this.#synonyms = createSynonyms(this.#words);
  }

  async of(sight: Sight): Promise<SearchIndex> {
    const { servers, tools } = sight;
    const known = this.#ofTools.get(tools);
    const serverText = servers.map(({ description, name }) => `${name} ${description}`).join('\n');
    const made = known?.serverText === serverText ? this.#made.get(known.hash) : undefined;
    if (known !== undefined && made !== undefined) {
      this.#keep(known.hash, made);
      return made;
    }
    let making = this.#underWay.get(tools);
    if (making === undefined) {
      making = this.#make(sight, serverText).finally(() => this.#underWay.delete(tools));
      this.#underWay.set(tools, making);
    }
    return await making;
  }

  async #make(sight: Sight, serverText: string): Promise<SearchIndex> {
    const tools = [...sight.tools.values()];
    const servers = new Map(sight.servers.map((server, at) => [server.name, { ...server, at }]));
    const hashes = await this.#run(this.#hashing(tools, servers));
    const key = hash('sha256', hashes.join(' '), 'base64');
    const index = this.#made.get(key) ?? (await this.#run(this.#building(tools, servers, hashes)));
    this.#ofTools.set(sight.tools, { serverText, hash: key });
    this.#keep(key, index);
    return index;
  }

  async #run<T>(steps: Generator<undefined, T>): Promise<T> {
    const { monotonic, pause } = this.#options;
    let beganMs = monotonic();
    let step = steps.next();
    while (step.done !== true) {
      if (monotonic() - beganMs > SLICE_MS) {
        await pause();
        beganMs = monotonic();
      }
      step = steps.next();
    }
    return step.value;
  }

  *#hashing(tools: readonly SeenTool[], servers: ReadonlyMap<string, SeenServer>): Generator<undefined, string[]> {
    const hashes: string[] = [];
    for (const { original, server, shown } of tools) {
      const serverText = servers.get(server)?.description ?? '';
      const known = this.#hashes.get(shown);
      const own =
        known?.serverText === serverText
          ? known.hash
          : hash('sha256', JSON.stringify([server, original, serverText, shown]), 'base64');
      this.#hashes.set(shown, { serverText, hash: own });
      hashes.push(own);
      yield;
    }
    return hashes;
  }

  *#building(
    tools: readonly SeenTool[],
    servers: ReadonlyMap<string, SeenServer & { readonly at: number }>,
    hashes: readonly string[],
  ): Generator<undefined, SearchIndex> {
    const documents: SearchDocument[] = [];
    const places = new Uint32Array(tools.length);
    for (const [at, tool] of tools.entries()) {
      const server = servers.get(tool.server);
      places[at] = server?.at ?? servers.size;
      documents.push(this.#document(hashes[at] ?? '', tool, server));
      yield;
    }
    const postings = yield* createPostings(documents);
    // One more for what is of none of them.
    const serverCount = servers.size + 1;
    const [words, synonyms] = [this.#words, this.#synonyms];
    return new SearchIndex({ tools, servers: places, serverCount, postings, words, synonyms });
  }

  #document(own: string, tool: SeenTool, server: SeenServer | undefined): SearchDocument {
    const known = this.#documents.get(own);
    if (known !== undefined) return known;
    const document = documentOf(tool, server, this.#words);
    if (this.#documents.size >= MAX_DOCUMENTS) this.#documents.clear();
    this.#documents.set(own, document);
    return document;
  }

  #keep(key: string, index: SearchIndex): void {
    this.#made.delete(key);
    this.#made.set(key, index);
    let size = 0;
    for (const each of this.#made.values()) size += each.size;
    for (const [oldest, { size: freed }] of this.#made) {
      if (size <= MAX_ENTRIES || oldest === key) break;
      this.#made.delete(oldest);
      size -= freed;
    }
  }
}
