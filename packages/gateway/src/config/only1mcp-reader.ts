/**
 * Reading a file of Only1MCP so that nothing in it is passed over: whoever asks for a key makes it a known one, and what
 * stands in the file and nobody asked for is a problem. What is found out goes to one ledger: our value with the places it
 * came from, notes, problems, comments. What keys mean is in the files beside this one.
 */
import { didYouMean } from './problems.ts';
import { listOf } from './scalars.ts';
import { pathKey, type Path } from './source.ts';
import type { Finding } from './schema-parts.ts';

/** What becomes of a file. Paths of findings are those of the file, paths of comments ours. */
export type Ledger = {
  /** Our configuration, as far as it is written. */
  readonly value: Record<string, unknown>;
  /** Our paths, each with the place its value came from. */
  readonly origins: Map<string, { readonly ours: Path; readonly from: Path }>;
  readonly notes: Finding[];
  readonly problems: Finding[];
  readonly comments: Finding[];
};

export function createLedger(): Ledger {
  return { value: {}, origins: new Map(), notes: [], problems: [], comments: [] };
}

/** Writes one of our keys. Two places of the file that disagree about it are a problem. */
export function put(ledger: Ledger, ours: Path, value: unknown, from: Path): void {
  const before = ledger.origins.get(pathKey(ours));
  const written = at(ledger.value, ours);
  if (before === undefined) {
    write(ledger.value, ours, value);
    ledger.origins.set(pathKey(ours), { ours, from });
  } else if (JSON.stringify(written) !== JSON.stringify(value)) {
    const message = `says something else than \`${before.from.join('.')}\` for our \`${ours.join('.')}\``;
    ledger.problems.push({ path: from, message });
  }
}

/** The same for an upper bound: of several the smallest counts. `size` makes them comparable; undefined = cannot be told. */
export function putLeast(
  ledger: Ledger,
  ours: Path,
  value: unknown,
  from: Path,
  size: (value: unknown) => number | undefined,
): void {
  const before = ledger.origins.get(pathKey(ours));
  const [old, now] = [size(at(ledger.value, ours)), size(value)];
  if (before === undefined || old === undefined || now === undefined) return put(ledger, ours, value, from);
  const [smaller, larger] = now < old ? [from, before.from] : [before.from, from];
  if (now < old) {
    write(ledger.value, ours, value);
    ledger.origins.set(pathKey(ours), { ours, from });
  }
  const message = `\`${smaller.join('.')}\` is not larger, and one limit (our \`${ours.join('.')}\`) holds for both`;
  ledger.notes.push({ path: larger, message });
}

/** Writes one of our keys that the file says nothing of, with the reason. */
export function fill(ledger: Ledger, ours: Path, value: unknown, why: string): void {
  if (at(ledger.value, ours) !== undefined) return;
  write(ledger.value, ours, value);
  ledger.comments.push({ path: ours, message: why });
}

/** An object of the file, or the place where one could stand. */
export type Block = {
  readonly path: Path;
  readonly isThere: boolean;
  readonly ledger: Ledger;
  /** The value of a key; null counts as not written. */
  take(key: string): unknown;
  /** Where a key stands. */
  at(key: string): Path;
  text(key: string): string | undefined;
  flag(key: string): boolean | undefined;
  texts(key: string): string[] | undefined;
  /** The same object each time. */
  block(key: string): Block;
  blocks(key: string): readonly Block[];
  /** Puts the value of a key, changed if need be, under one of ours. */
  move(key: string, ours: Path, change?: (value: unknown) => unknown): void;
  /** Says of each of these keys that is written why it has no effect: `timeout pool.{size,idle}`. */
  ignore(why: string, keys: string): void;
  /** The same with an error: it protected something. */
  refuse(why: string, keys: string): void;
  /** Notes every value inside: none of them has an effect. */
  dismiss(why: string): void;
  /** False for a block that is not there or says `enabled: false`; that is noted as `saying`, and all else in it too. */
  isOn(saying?: string): boolean;
};

/** The file as a block, and what ends the reading: every key that nobody asked for becomes a problem. */
export function openFile(value: Readonly<Record<string, unknown>>, ledger: Ledger): { root: Block; end: () => void } {
  const ends: Array<() => void> = [];
  const root = createBlock(value, [], { ledger, ends });
  return { root, end: () => ends.forEach((end) => end()) };
}

type Reading = { readonly ledger: Ledger; readonly ends: Array<() => void> };

function createBlock(value: Readonly<Record<string, unknown>> | undefined, path: Path, reading: Reading): Block {
  const { ledger, ends } = reading;
  const known = new Set<string>();
  const blocks = new Map<string, Block>();
  let isDismissed = false;
  const kind = <T>(key: string, fits: (found: unknown) => found is T, expected: string): T | undefined => {
    const found = self.take(key);
    if (found === undefined || fits(found)) return found;
    ledger.problems.push({ path: self.at(key), message: `expected ${expected}` });
    return undefined;
  };
  const dismiss = (values: Readonly<Record<string, unknown>>, why: string): void => {
    isDismissed = true;
    for (const where of Object.entries(values).flatMap(([key, member]) => leaves(member, [...path, key]))) {
      ledger.notes.push({ path: where, message: `ignored: ${why}` });
    }
  };
  const self: Block = {
    path,
    isThere: value !== undefined,
    ledger,
    take: (key) => {
      known.add(key);
      return value !== undefined && Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined;
    },
    at: (key) => [...path, key],
    text: (key) => kind(key, isText, 'text'),
    flag: (key) => kind(key, isFlag, 'true or false'),
    texts: (key) => kind(key, isTexts, 'a list of texts'),
    block: (key) => {
      const block = blocks.get(key) ?? createBlock(kind(key, isObject, 'an object'), self.at(key), reading);
      blocks.set(key, block);
      return block;
    },
    blocks: (key) =>
      (kind(key, isObjects, 'a list of objects') ?? []).map((item, index) =>
        createBlock(item, [...self.at(key), index], reading),
      ),
    move: (key, ours, change = (found) => found) => {
      const found = self.take(key);
      if (found !== undefined) put(ledger, ours, change(found), self.at(key));
    },
    ignore: (why, keys) => each(self, keys, (where) => ledger.notes.push({ path: where, message: `ignored: ${why}` })),
    refuse: (why, keys) => each(self, keys, (where) => ledger.problems.push({ path: where, message: why })),
    dismiss: (why) => dismiss(value ?? {}, why),
    isOn: (saying = 'ignored: it is off') => {
      if (value === undefined || isDismissed) return false;
      if (self.flag('enabled') !== false) return true;
      const { enabled: _off, ...others } = value;
      ledger.notes.push({ path: self.at('enabled'), message: saying });
      dismiss(others, `\`${self.at('enabled').join('.')}\` is false`);
      return false;
    },
  };
  ends.push(() => {
    if (!isDismissed) ledger.problems.push(...unknownKeys(value ?? {}, path, [...known]));
  });
  return self;
}

/** Finds dotted keys that are written. */
function each(block: Block, keys: string, found: (where: Path) => void): void {
  for (const dotted of keys.split(/\s+/).flatMap(unfold)) {
    const parts = dotted.split('.');
    const last = parts.pop() ?? '';
    const inner = parts.reduce((outer, part) => outer.block(part), block);
    if (inner.take(last) !== undefined) found(inner.at(last));
  }
}

/** `a.{b,c}` is `a.b` and `a.c`. */
function unfold(keys: string): string[] {
  const [, before = '', choices, after = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(keys) ?? [];
  return choices === undefined ? [keys] : choices.split(',').flatMap((one) => unfold(`${before}${one}${after}`));
}

function unknownKeys(value: Readonly<Record<string, unknown>>, path: Path, known: readonly string[]): Finding[] {
  return Object.keys(value)
    .filter((key) => !known.includes(key))
    .map((key) => {
      const some = known.length <= 12 ? known : known.slice(0, 12);
      const expected = `; expected ${listOf(some)}${some.length < known.length ? ' …' : ''}`;
      return { path: [...path, key], message: `unknown key${didYouMean(key, known) || expected}` };
    });
}

function leaves(value: unknown, path: Path): Path[] {
  if (!isObject(value) || Object.keys(value).length === 0) return [path];
  return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, key]));
}

function write(target: Record<string, unknown>, path: Path, value: unknown): void {
  let inner: Record<string | number, unknown> = target;
  for (const [index, key] of path.slice(0, -1).entries()) {
    if (!Object.hasOwn(inner, key)) inner[key] = typeof path[index + 1] === 'number' ? [] : {};
    inner = inner[key] as Record<string | number, unknown>;
  }
  inner[path.at(-1) ?? ''] = value;
}

/** What stands at a path; undefined where nothing does. */
export function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, key)) return undefined;
    return (inner as Readonly<Record<string | number, unknown>>)[key];
  }, value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObjects(value: unknown): value is Array<Record<string, unknown>> {
  return Array.isArray(value) && value.every(isObject);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isFlag(value: unknown): value is boolean {
  return typeof value === 'boolean';
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}
