/**
 * How long finding takes, in this process and without HTTP: with the tools of a catalogue as they are, and with 10,000 that are made
 * of them; how long the index of each takes, and how long at a time. `node bench/search-scale.ts CATALOG [PHRASES]`, in the form of
 * bench/search.ts. Questions are the sentences as they are, mistyped, and several at once. Each time is the best of three: what else
 * the machine does is not measured.
 */

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { quantile } from './statistics.ts';

interface Tool {
  readonly name: string;
  readonly description?: string;
}

interface Catalog {
  readonly servers: readonly {
    readonly server: string;
    readonly description?: string;
    readonly tools: readonly Tool[];
  }[];
}

interface Seen {
  readonly name: string;
  readonly id: string;
  readonly server: string;
  readonly original: string;
  readonly shown: object;
}

interface Sight {
  readonly tools: ReadonlyMap<string, Seen>;
  readonly servers: readonly { readonly name: string; readonly description: string }[];
}

interface Index {
  search(question: string, limit: number): readonly unknown[];
}

interface Built {
  readonly Indexes: new (options: { readonly monotonic: () => number; readonly pause: () => Promise<void> }) => {
    of(sight: Sight): Promise<Index>;
  };
}

const MANY = 10_000;
const LIMIT = 8;
const TIMES = 3;
const HERE = dirname(fileURLToPath(import.meta.url));
const [catalogPath = process.env['SALLYPORT_BENCH_CATALOG'], phrases] = process.argv.slice(2);

/** At least so many tools: the catalogue again and again, each time with a word of its own in every tool. */
function sightOf({ servers }: Catalog, count: number): Sight {
  const tools = new Map<string, Seen>();
  const names: { name: string; description: string }[] = [];
  for (let copy = 0; tools.size < count; copy++) {
    for (const { description = '', server, tools: own } of servers) {
      const name = copy === 0 ? server : `${server}-${copy}`;
      names.push({ name, description });
      for (const tool of own) {
        const id = `${name}__${tool.name}`;
        const text = copy === 0 ? tool.description : `${tool.description ?? ''} ${wordOf(tools.size)}`;
        tools.set(id, {
          name: id,
          id,
          server: name,
          original: tool.name,
          shown: { ...tool, name: id, description: text },
        });
        if (tools.size >= count) break;
      }
      if (tools.size >= count) break;
    }
  }
  return { tools, servers: names };
}

/** Letters that could be a word, another for each number. */
function wordOf(number: number): string {
  const [consonants, vowels] = ['bcdfghjklmnprstvwz', 'aeiou'];
  let word = '';
  let left = number * 7919 + 104_729;
  while (left > 0) {
    word += (consonants[left % 18] ?? '') + (vowels[Math.floor(left / 18) % 5] ?? '');
    left = Math.floor(left / 90);
  }
  return `${word}tor`;
}

/** Two letters of every longer word are swapped. */
function mistyped(sentence: string): string {
  return sentence.replaceAll(/\b([a-zA-Z]{2})([a-zA-Z])([a-zA-Z])(?=[a-zA-Z])/g, '$1$3$2');
}

async function build(sight: Sight, { Indexes }: Built): Promise<{ index: Index; ms: number; sliceMs: number }> {
  let [beganMs, sliceMs] = [performance.now(), 0];
  const startMs = beganMs;
  const slice = (): void => {
    sliceMs = Math.max(sliceMs, performance.now() - beganMs);
    beganMs = performance.now();
  };
  const pause = async (): Promise<void> => {
    slice();
    await new Promise((resolve) => void setImmediate(resolve));
    beganMs = performance.now();
  };
  const index = await new Indexes({ monotonic: () => performance.now(), pause }).of(sight);
  slice();
  return { index, ms: performance.now() - startMs, sliceMs };
}

function measure(index: Index, questions: readonly string[]): readonly number[] {
  return questions
    .map((question) => {
      const times = Array.from({ length: TIMES }, () => {
        const beganMs = performance.now();
        index.search(question, LIMIT);
        return performance.now() - beganMs;
      });
      return Math.min(...times);
    })
    .toSorted((one, other) => one - other);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function ms(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(1);
}

if (catalogPath === undefined) {
  process.stderr.write('node bench/search-scale.ts CATALOG [PHRASES]\n');
  process.exitCode = 2;
} else {
  const built = (await import(
    pathToFileURL(join(HERE, '../packages/gateway/dist/discovery/indexes.js')).href
  )) as Built;
  const catalog = JSON.parse(await readFile(catalogPath, 'utf8')) as Catalog;
  const text = await readFile(phrases ?? join(HERE, 'search/paraphrases.txt'), 'utf8');
  const sentences = text.split('\n').flatMap((line) => (line.startsWith('#') ? [] : (line.split(' | ')[0] ?? [])));
  const asked = sentences.filter((sentence) => sentence !== '');
  const kinds = {
    'as they are': asked,
    mistyped: asked.map(mistyped),
    'eight at once, mistyped': asked.map((_one, at) => mistyped(asked.slice(at, at + 8).join('. '))),
    'with 18 kB of data': asked.map((each) => `${each} ${Buffer.alloc(13_500, each).toString('base64')}`),
  };
  const count = catalog.servers.reduce((sum, { tools }) => sum + tools.length, 0);
  for (const tools of [count, MANY]) {
    const sight = sightOf(catalog, tools);
    const builds = [await build(sight, built), await build(sight, built), await build(sight, built)] as const;
    const [{ index }] = builds;
    const least = (of: 'ms' | 'sliceMs'): string => ms(Math.min(...builds.map((each) => each[of])));
    print(`${tools} tools: index in ${least('ms')} ms, at most ${least('sliceMs')} ms at a time`);
    // What runs for the first time is compiled.
    measure(index, asked);
    for (const [kind, questions] of Object.entries(kinds)) {
      const times = measure(index, questions);
      const most = `${ms(quantile(times, 0.5))} ms at the median, ${ms(quantile(times, 0.95))} ms at 95 %, ${ms(times.at(-1))} ms at the most`;
      print(`  ${kind}: ${most} (n = ${times.length})`);
    }
  }
}
