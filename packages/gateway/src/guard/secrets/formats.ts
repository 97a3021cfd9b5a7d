/**
 * Secrets by their well-known formats, in bytes of JSON. A token of any of them is a run of at least twenty letters, digits, `_`
 * and `-` that begins with a known prefix; so one byte in sixteen is looked at, and the expressions are tried only where such a
 * run begins. Each of them is anchored and bounded: nothing is read twice.
 */

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
const DOT = 0x2e;
/** Bytes between two that are looked at; a run of twenty has five behind one of them. */
const STEP = 16;
/** Findings in one text. */
const MAX_FOUND = 1000;
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const SMALL_U = 0x75;

const PEM_BEGIN = 'PRIVATE KEY-----';
const PEM = /-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY-----/y;
const MAX_PEM_HEAD = 80;

/** Whether a byte may stand in a token. */
const TOKEN_BYTES: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[\w-]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

type Entry = (typeof FORMATS)[number];

/** By the two bytes that they begin with. */
const BY_PREFIX: ReadonlyMap<number, readonly { readonly format: Entry }[]> = Map.groupBy(
  FORMATS.flatMap((format) => format.prefixes.map((prefix) => ({ format, prefix }))),
  ({ prefix }) => pair(prefix.charCodeAt(0), prefix.charCodeAt(1)),
);

function pair(first: number, second: number): number {
  return first | (second << 8);
}

/** In the order of their places. */
export function findFormats(bytes: Buffer): Found[] {
  const found: Found[] = [...privateKeys(bytes)];
  let done = 0;
  for (let at = STEP - 1; at + 4 < bytes.length && found.length < MAX_FOUND; at += STEP) {
    if (at < done || !isInToken(bytes, at)) continue;
    const start = startOfRun(bytes, at);
    // It began before the last place, and was looked at there.
    if (start <= at - STEP && start > 0) continue;
    const token = tokenAt(bytes, start);
    if (token === undefined) continue;
    found.push(token);
    done = token.end;
  }
  return found.toSorted((a, b) => a.start - b.start);
}

/** Five bytes from here on are in one run. */
function isInToken(bytes: Buffer, at: number): boolean {
  return (
    TOKEN_BYTES[bytes[at] as number] === 1 &&
    TOKEN_BYTES[bytes[at + 4] as number] === 1 &&
    TOKEN_BYTES[bytes[at + 2] as number] === 1 &&
    TOKEN_BYTES[bytes[at + 1] as number] === 1 &&
    TOKEN_BYTES[bytes[at + 3] as number] === 1
  );
}

/** Not further back than a step. */
function startOfRun(bytes: Buffer, at: number): number {
  const least = Math.max(0, at - STEP);
  let start = at;
  while (start > least && TOKEN_BYTES[bytes[start - 1] as number] === 1) start--;
  return start;
}

/** The escape that a run may begin with is not the token's: `\n`, `\u000a`, `%3D`. */
function skipsAt(bytes: Buffer, start: number): readonly number[] {
  const before = start > 0 ? bytes[start - 1] : undefined;
  if (before === PERCENT) return [0, 2];
  if (before !== BACKSLASH) return [0];
  return bytes[start] === SMALL_U ? [0, 1, 5] : [0, 1];
}

function tokenAt(bytes: Buffer, start: number): Found | undefined {
  for (const skip of skipsAt(bytes, start)) {
    const begin = start + skip;
    const formats = BY_PREFIX.get(pair(bytes[begin] ?? 0, bytes[begin + 1] ?? 0));
    if (formats === undefined) continue;
    const text = bytes.toString('latin1', begin, begin + MAX_TOKEN);
    for (const { format } of formats) {
      const { isLong, isOwn, kind, token } = format;
      token.lastIndex = 0;
      if (!token.test(text)) continue;
      const end = begin + token.lastIndex;
      return { kind, ...(isOwn && { isOwn }), start: begin, end: isLong === true ? endOfLong(bytes, end) : end };
    }
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
