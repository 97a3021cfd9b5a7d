/**
 * Characters of JSON text that are escaped without need (RFC 8259 §7): `\u0041` hides a credential from whoever compares bytes.
 * Escapes that a text needs are not undone, nor those of characters beyond ASCII. A slash with a backslash before it is a form
 * of its own (forms.ts).
 */

const BACKSLASH = 0x5c;
const ESCAPE = '\\u00';
/** `u00` and two digits. */
const ESCAPE_BYTES = 6;
const FIRST_VISIBLE = 0x20;
const LAST_VISIBLE = 0x7f;
/** Backslashes that are looked at one by one. In text with more of them, what follows one is looked for instead. */
const FEW = 64;
const NO_DIGIT = 255;

/** Whether there is anything to undo. */
export function isEscaped(bytes: Buffer): boolean {
  let at = bytes.indexOf(BACKSLASH);
  for (let seen = 0; at !== -1 && seen < FEW; seen++) {
    if (bytes[at + 1] === ESCAPE.charCodeAt(1) && codeAt(bytes, at) !== undefined) return true;
    at = bytes.indexOf(BACKSLASH, at + 1);
  }
  if (at === -1) return false;
  const behind = ESCAPE.slice(1);
  for (at = bytes.indexOf(behind, at); at !== -1; at = bytes.indexOf(behind, at + 1)) {
    if (bytes[at - 1] === BACKSLASH) return true;
  }
  return false;
}

/** Only as long as what it is made of, or shorter. */
export function unescaped(bytes: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let from = 0;
  for (let at = nextEscape(bytes, 0); at !== -1; at = nextEscape(bytes, Math.max(from, at + 1))) {
    const code = codeAt(bytes, at);
    if (code === undefined) continue;
    let end = at;
    // In a text that stands in a text they are more.
    while (end > from && bytes[end - 1] === BACKSLASH) end--;
    if (end > from) length += bytes.copy(plain, length, from, end);
    plain[length++] = code;
    from = at + ESCAPE_BYTES;
  }
  length += bytes.copy(plain, length, from);
  return plain.subarray(0, length);
}

/** Where what may be an escape stands. One often stands right behind another: to search there costs more than to look. */
function nextEscape(bytes: Buffer, at: number): number {
  return bytes[at] === BACKSLASH && bytes[at + 1] === ESCAPE.charCodeAt(1) ? at : bytes.indexOf(ESCAPE, at);
}

/** The value of each byte as a digit; 255: it is none. */
const DIGITS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? NO_DIGIT : digit;
});

/** Of the visible character whose escape begins here. A text may be nothing but escapes, so that each must cost little. */
function codeAt(bytes: Buffer, at: number): number | undefined {
  for (let index = 1; index < ESCAPE.length; index++) {
    if (bytes[at + index] !== ESCAPE.charCodeAt(index)) return undefined;
  }
  const [high, low] = [digitAt(bytes, at + ESCAPE.length), digitAt(bytes, at + ESCAPE.length + 1)];
  if (high === NO_DIGIT || low === NO_DIGIT) return undefined;
  const code = high * 16 + low;
  return code >= FIRST_VISIBLE && code <= LAST_VISIBLE ? code : undefined;
}

function digitAt(bytes: Buffer, at: number): number {
  return DIGITS[bytes[at] ?? 0] ?? NO_DIGIT;
}
