/**
 * How many poisoned definitions the guard of content finds, and how many honest ones it takes for such: with the texts and disguises
 * that it was tuned on, with other seeds, and with those that were written afterwards. Prints a table; docs/GUARD.md holds one.
 * `node scripts/guard-found.ts [FILE]`: a file of JSON that has definitions of tools somewhere in it, all of them honest.
 */
import { readFile } from 'node:fs/promises';
import { inspectDefinition } from '../packages/gateway/src/guard/injection/inspect.ts';
import { ATTACKS } from '../packages/gateway/src/guard/injection/testing/attacks.ts';
import { mutated, seeded } from '../packages/gateway/src/guard/injection/testing/mutate.ts';
import { UNSEEN_ATTACKS, UNSEEN_DISGUISES } from '../packages/gateway/src/guard/injection/testing/unseen.ts';

const VARIANTS = 5000;
const TUNED_ON = [1, 2, 3];
const FRESH = [101, 102, 103];

type Disguises = Parameters<typeof mutated>[2];
type Definition = ReturnType<typeof mutated>;
type Json = Parameters<typeof inspectDefinition>[0];

function found(attacks: readonly string[], seeds: readonly number[], disguises?: Disguises): string {
  const counts = seeds.map((seed) => {
    const random = seeded(seed);
    const definitions = Array.from({ length: VARIANTS }, () => mutated(attacks, random, disguises));
    return definitions.filter((definition) => inspectDefinition(definition).length > 0).length;
  });
  const all = counts.reduce((sum, count) => sum + count, 0);
  return `${((100 * all) / (VARIANTS * seeds.length)).toFixed(1)} % of ${VARIANTS * seeds.length}`;
}

function asWritten(attacks: readonly string[]): string {
  const flagged = attacks.filter((description) => inspectDefinition({ name: 'lookup', description }).length > 0);
  return `${flagged.length} of ${attacks.length}`;
}

function definitionsIn(value: Json): Definition[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(definitionsIn);
  const object: Definition = value;
  return typeof object['name'] === 'string' && object['inputSchema'] !== undefined
    ? [object]
    : Object.values(object).flatMap((member) => definitionsIn(member as Json));
}

const rows: (readonly [string, string])[] = [
  ['attacks as they are written', asWritten(ATTACKS)],
  ['variants of them, seeds that patterns were tuned on', found(ATTACKS, TUNED_ON)],
  ['variants of them, other seeds', found(ATTACKS, FRESH)],
  ['variants of them, disguises written afterwards', found(ATTACKS, FRESH, UNSEEN_DISGUISES)],
  ['attacks written afterwards, as they are written', asWritten(UNSEEN_ATTACKS)],
  ['variants of those', found(UNSEEN_ATTACKS, FRESH)],
];
const [file] = process.argv.slice(2);
if (file !== undefined) {
  const honest = definitionsIn(JSON.parse(await readFile(file, 'utf8')) as Json);
  const flagged = honest.filter((definition) => inspectDefinition(definition).length > 0);
  rows.push(['honest definitions taken for poisoned ones', `${flagged.length} of ${honest.length}`]);
}
const width = Math.max(...rows.map(([name]) => name.length));
for (const [name, value] of rows) console.log(`${name.padEnd(width)}  ${value}`);
