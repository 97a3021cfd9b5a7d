/**
 * Names that stand for another by their looks: of another server's tool, or of one that Sallyport itself shows. Letters are
 * compared by their skeleton, a small table of what is used to imitate ASCII (after Unicode TR39); it does not know every
 * confusable there is.
 */

import { canonicalId } from '../canonical-id.ts';

/** Tools of Sallyport's own making, in whatever mode of discovery. */
const OWN_TOOLS: readonly string[] = [
  'find_tools',
  'describe_tools',
  'call_tool',
  'call_read_tool',
  'run_code',
  'get_dynamic_tools',
  'call_dynamic_tool',
];

/** Letters of other scripts and digits, by the Latin ones that they are taken for. */
const CONFUSABLES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    a: 'аαɑᴀ',
    b: 'вьβʙ',
    c: 'сϲᴄ',
    d: 'ԁɗᴅ',
    e: 'еєεҽᴇ',
    f: 'ƒ',
    g: 'ɡցԍ',
    h: 'һнհʜ',
    i: 'іιıɩ1|ӏl',
    j: 'јϳ',
    k: 'кκᴋ',
    m: 'мᴍ',
    n: 'пηոɴ',
    o: 'оοօ0ᴏ',
    p: 'рρᴘ',
    q: 'ԛզ',
    r: 'гᴦ',
    s: 'ѕꜱ5',
    t: 'тτᴛ',
    u: 'υսᴜ',
    v: 'ѵνᴠ',
    w: 'ԝωᴡ',
    x: 'хχ',
    y: 'уүγʏ',
    z: 'ᴢ',
  }).flatMap(([latin, others]) => Array.from(others, (other) => [other, latin] as const)),
);

/** What nobody sees, what only separates, and marks on letters. */
const UNSEEN = /[\p{Mark}\p{Separator}\p{Punctuation}\p{Control}\p{Format}\p{Symbol}]/gu;

/** Names with the same skeleton may be taken for each other. */
function skeleton(name: string): string {
  // Before the table: full-width and mathematical letters become plain ones, accents come off.
  const plain = name.normalize('NFKD').toLowerCase();
  const seen = plain.replaceAll('|', 'i').replaceAll(UNSEEN, '');
  return Array.from(seen, (letter) => CONFUSABLES.get(letter) ?? letter).join('');
}

const OWN_SKELETONS: ReadonlyMap<string, string> = new Map(OWN_TOOLS.map((name) => [skeleton(name), name]));

/** The tool of Sallyport's own that a name may be taken for, alone or behind its server's. */
export function imitated(server: string, name: string): string | undefined {
  return OWN_SKELETONS.get(skeleton(name)) ?? OWN_SKELETONS.get(skeleton(canonicalId(server, name)));
}

/** Names of all servers, to be asked about one more. */
export interface KnownNames {
  /** The canonical id of a tool of another server that a name may be taken for. */
  shadowed(server: string, name: string): string | undefined;
}

export function knownNames(servers: Iterable<readonly [server: string, names: Iterable<string>]>): KnownNames {
  const owners = new Map<string, Map<string, string>>();
  const add = (key: string, server: string, id: string): void => {
    // A name of signs alone looks like nothing.
    if (key === '') return;
    const known = owners.get(key) ?? new Map<string, string>();
    if (!known.has(server)) known.set(server, id);
    owners.set(key, known);
  };
  for (const [server, names] of servers) {
    for (const name of names) {
      const id = canonicalId(server, name);
      const [alone, whole] = [skeleton(name), skeleton(id)];
      add(alone, server, id);
      if (whole !== alone) add(whole, server, id);
    }
  }
  return {
    shadowed: (server, name) => {
      for (const key of [skeleton(name), skeleton(canonicalId(server, name))]) {
        for (const [owner, id] of owners.get(key) ?? []) if (owner !== server) return id;
      }
      return undefined;
    },
  };
}
