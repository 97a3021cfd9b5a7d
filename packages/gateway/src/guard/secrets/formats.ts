/**
 * Secrets by their well-known formats, in bytes of JSON. A token of any of them has a run of at least twenty letters, digits, `_`
 * and `-` near its beginning, which is a known prefix; so one word in four is looked at, and the expressions are tried only where
 * such a run begins with a prefix. Each of them is anchored and bounded: nothing is read twice.
 */

import { WORD, wordsOf, type Words } from './words.ts';

export interface Format {
  readonly kind: string;
  /** A credential of this gateway. */
  readonly isOwn?: boolean;
}

export interface Found extends Format {
  readonly start: number;
  readonly end: number;
}

/** `prefixes`: of two characters. Lengths as the issuers document them. */
const FORMATS: readonly (Format & {
  readonly prefixes: readonly string[];
  readonly token: RegExp;
  readonly isLong?: boolean;
})[] = [
  { kind: 'sallyport', isOwn: true, prefixes: ['sp'], token: /sp_(?:[0-9a-f]{16}|local)_[\w-]{43}/y },
  { kind: 'sallyport', isOwn: true, prefixes: ['sa', 'sr', 'sc'], token: /(?:sac|sat|srt|scs)_[\w-]{43}/y },
  { kind: 'github', prefixes: ['gh'], token: /gh[pousr]_[A-Za-z0-9]{36,255}/y },
  { kind: 'github', prefixes: ['gi'], token: /github_pat_\w{60,255}/y },
  { kind: 'gitlab', prefixes: ['gl'], token: /gl(?:pat|ptt|dt|rt|cbt)-[\w-]{20,64}/y },
  { kind: 'slack', prefixes: ['xo'], token: /xox[abeoprs]-[\w-]{16,255}/y },
  { kind: 'aws', prefixes: ['AK', 'AS'], token: /A(?:KIA|SIA)[A-Z2-7]{16}(?![\w-])/y },
  { kind: 'google', prefixes: ['AI'], token: /AIza[\w-]{35}(?![\w-])/y },
  { kind: 'google', prefixes: ['GO'], token: /GOCSPX-[\w-]{28}(?![\w-])/y },
  { kind: 'google', prefixes: ['ya'], token: /ya29\.[\w-]{20,512}/y },
  { kind: 'stripe', prefixes: ['sk', 'rk', 'wh'], token: /(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,255}/y },
  { kind: 'anthropic', prefixes: ['sk'], token: /sk-ant-[\w-]{32,255}/y },
  { kind: 'openai', prefixes: ['sk'], token: /sk-(?:(?:proj|svcacct|admin)-[\w-]{40,255}|[A-Za-z0-9]{48}(?![\w-]))/y },
  { kind: 'npm', prefixes: ['np'], token: /npm_[A-Za-z0-9]{36}(?![\w-])/y },
  { kind: 'pypi', prefixes: ['py'], token: /pypi-AgE[\w-]{50,512}/y },
  { kind: 'huggingface', prefixes: ['hf'], token: /hf_[A-Za-z]{34}(?![\w-])/y },
  { kind: 'sendgrid', prefixes: ['SG'], token: /SG\.[\w-]{22}\.[\w-]{43}(?![\w-])/y },
  { kind: 'digitalocean', prefixes: ['do'], token: /do[opr]_v1_[0-9a-f]{64}(?![\w-])/y },
  { kind: 'shopify', prefixes: ['sh'], token: /shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}(?![\w-])/y },
  { kind: 'linear', prefixes: ['li'], token: /lin_(?:api|oauth)_[A-Za-z0-9]{40,64}/y },
  { kind: 'jwt', prefixes: ['ey'], token: /eyJ[\w-]{8,400}\.eyJ[\w-]{8}/y, isLong: true },
];

/** Bytes of a token that the expressions may read: every text is read so often at most that time stays linear. */
const MAX_TOKEN = 512;
/** Of one that goes on behind what was read. */
const MAX_LONG = 16_384;
/** Words between two that are looked at; a run of twenty bytes has one of them inside. */
const STRIDE = 4;
const STEP = STRIDE * WORD;
/** Findings in one text: what stands behind them is not looked at. */
export const MAX_FOUND = 1000;

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const SMALL_U = 0x75;
const DOT = 0x2e;
const DASH = 0x2d;

/** What every private key in PEM has, without its first letters: a search is fast where the first letter is rare. */
const PEM_PART = 'VATE KEY-----';
const PEM_BEGIN = `PRI${PEM_PART}`;
const PEM = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----/y;
const MAX_PEM_HEAD = 80;

/** Whether a byte may stand in a token. */
const TOKEN_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** The same of two bytes, both. */
const TOKEN_PAIRS: Uint8Array = Uint8Array.from(
  { length: 65_536 },
  (_, pair) => (TOKEN_BYTES[pair & 0xff] as number) & (TOKEN_BYTES[pair >>> 8] as number),
);

type Entry = (typeof FORMATS)[number];

/** By the two bytes that they begin with. */
const BY_PREFIX: ReadonlyMap<number, readonly { readonly format: Entry }[]> = Map.groupBy(
  FORMATS.flatMap((format) => format.prefixes.map((prefix) => ({ format, prefix }))),
  ({ prefix }) => pairOf(prefix.charCodeAt(0), prefix.charCodeAt(1)),
);

/** Whether two bytes are such a beginning. */
const IS_PREFIX: Uint8Array = Uint8Array.from({ length: 65_536 }, (_, pair) => (BY_PREFIX.has(pair) ? 1 : 0));

/** What a token may begin before, or behind: see `tokenAt`. */
const IS_JOINED: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === DOT || byte === PERCENT || byte === BACKSLASH ? 1 : 0,
);

function pairOf(first: number, second: number): number {
  return first | (second << 8);
}

const NONE: readonly Found[] = [];

/** In the order of their places; no more than {@link MAX_FOUND}. `read`: their words, where they were read before. */
export function findFormats(bytes: Buffer, read: Words = wordsOf(bytes)): readonly Found[] {
  const tokens = tokensIn(bytes, read);
  const keys = bytes.includes(DASH) && bytes.includes(PEM_PART) ? [...privateKeys(bytes)] : NONE;
  if (keys.length === 0) return tokens;
  return [...tokens, ...keys].toSorted((a, b) => a.start - b.start).slice(0, MAX_FOUND);
}

function tokensIn(bytes: Buffer, { start: first, words }: Words): readonly Found[] {
  const found: Found[] = [];
  // Next to the ends of the bytes nothing is known of the words around one.
  const last = words.length - 1 - (words.length % STRIDE);
  if (last >= 0) takeRun(bytes, first + Math.min(STRIDE - 1, last) * WORD, found);
  for (
    let index = nextBegin(bytes, words, first, STRIDE - 1);
    index !== -1;
    index = nextBegin(bytes, words, first, index)
  ) {
    takeRun(bytes, first + index * WORD, found);
  }
  if (last > STRIDE) takeRun(bytes, first + last * WORD, found);
  return found.length === 0 ? NONE : found;
}

/** The next word that is looked at, of those behind this one, before which a run begins as a token may. -1: there is none. */
function nextBegin(bytes: Buffer, words: Int32Array, first: number, after: number): number {
  const end = words.length - 2;
  for (let index = after + STRIDE; index < end; index += STRIDE) {
    if (isToken(words[index] as number) === 0) continue;
    const run = runWord(words, index);
    if (run !== -1 && mayBegin(bytes, startInWord(bytes, first + run * WORD))) return index;
  }
  return -1;
}

/** The token that begins with a run in which this place is. */
function takeRun(bytes: Buffer, at: number, found: Found[]): void {
  const least = Math.max(0, at - STEP);
  let start = at;
  while (start > least && TOKEN_BYTES[bytes[start - 1] as number] === 1) start--;
  if (mayBegin(bytes, start)) takeToken(bytes, start, found);
}

function takeToken(bytes: Buffer, start: number, found: Found[]): void {
  if (found.length >= MAX_FOUND || start < (found.at(-1)?.end ?? 0)) return;
  const token = tokenAt(bytes, start);
  if (token !== undefined) found.push(token);
}

/**
 * The first word that is inside of the run that this one is inside of. -1: the run began a whole step before, and was looked at
 * there; or it is too short, since of one of twenty bytes that begins within the step the two words behind this one belong to it
 * or the two before.
 */
function runWord(words: Int32Array, index: number): number {
  const isBefore = isToken(words[index - 1] as number);
  const isBeforeThat = isToken(words[index - 2] as number);
  const isBehind = isToken(words[index + 1] as number) & isToken(words[index + 2] as number);
  if (((isBefore & isBeforeThat) | isBehind) === 0) return -1;
  if (isBefore === 0) return index;
  if (isBeforeThat === 0) return index - 1;
  if (isToken(words[index - 3] as number) === 0) return index - 2;
  return isToken(words[index - STRIDE] as number) === 0 ? index - 3 : -1;
}

function isToken(word: number): number {
  return (TOKEN_PAIRS[word & 0xffff] as number) & (TOKEN_PAIRS[word >>> 16] as number);
}

/** Where the run begins that has all of the word here, but not of the one before. */
function startInWord(bytes: Buffer, at: number): number {
  if (TOKEN_BYTES[bytes[at - 1] as number] === 0) return at;
  if (TOKEN_BYTES[bytes[at - 2] as number] === 0) return at - 1;
  return TOKEN_BYTES[bytes[at - 3] as number] === 0 ? at - 2 : at - 3;
}

/** By its first two bytes; one more reason is that what stands before it may belong to it, or the other way round. */
function mayBegin(bytes: Buffer, start: number): boolean {
  const pair = pairOf(bytes[start] as number, bytes[start + 1] as number);
  return IS_PREFIX[pair] === 1 || (start > 0 && IS_JOINED[bytes[start - 1] as number] === 1);
}
function tokenAt(bytes: Buffer, start: number): Found | undefined {
  const found = formatAt(bytes, start);
  if (found !== undefined || start === 0) return found;
  switch (bytes[start - 1]) {
    // Of two formats, the prefix ends with a dot.
    case DOT:
      return formatAt(bytes, start - 'SG.'.length) ?? formatAt(bytes, start - 'ya29.'.length);
    // The escape that a run may begin with is not the token's: `%3D`, `\n`, `\u000a`.
    case PERCENT:
      return formatAt(bytes, start + '3D'.length);
    case BACKSLASH:
      return (
        formatAt(bytes, start + 1) ?? (bytes[start] === SMALL_U ? formatAt(bytes, start + 'u000a'.length) : undefined)
      );
    default:
      return undefined;
  }
}

function formatAt(bytes: Buffer, begin: number): Found | undefined {
  if (begin < 0 || begin + 1 >= bytes.length) return undefined;
  const pair = pairOf(bytes[begin] as number, bytes[begin + 1] as number);
  if (IS_PREFIX[pair] === 0) return undefined;
  const text = bytes.toString('latin1', begin, Math.min(begin + MAX_TOKEN, bytes.length));
  for (const { format } of BY_PREFIX.get(pair) ?? []) {
    const { isLong, isOwn, kind, token } = format;
    token.lastIndex = 0;
    if (!token.test(text)) continue;
    const end = begin + token.lastIndex;
    return { kind, ...(isOwn && { isOwn }), start: begin, end: isLong === true ? endOfLong(bytes, end) : end };
  }
  return undefined;
}

/** Parts and the dots between them. */
function endOfLong(bytes: Buffer, from: number): number {
  let end = from;
  while (end < from + MAX_LONG && (TOKEN_BYTES[bytes[end] ?? 0] === 1 || bytes[end] === DOT)) end++;
  return end;
}

/** RFC 7468, with its lines escaped or not. One without an end goes to the end of what there is. */
function* privateKeys(bytes: Buffer): Generator<Found> {
  let count = 0;
  for (let at = bytes.indexOf(PEM_BEGIN); at !== -1 && count < MAX_FOUND; at = bytes.indexOf(PEM_BEGIN, at + 1)) {
    const window = Math.max(0, at - MAX_PEM_HEAD);
    const start = window + bytes.subarray(window, at).lastIndexOf('-----BEGIN ');
    if (start < window) continue;
    PEM.lastIndex = 0;
    if (!PEM.test(bytes.toString('latin1', start, at + PEM_BEGIN.length))) continue;
    const head = at + PEM_BEGIN.length;
    const last = bytes.indexOf('-----END', head);
    const close = last === -1 ? -1 : bytes.indexOf(PEM_BEGIN, last);
    const end = close === -1 ? bytes.length : close + PEM_BEGIN.length;
    yield { kind: 'private_key', start, end };
    count++;
    at = end - 1;
  }
}
