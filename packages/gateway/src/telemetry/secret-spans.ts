/**
 * Where secrets stand in a text, by their shape: keys of this gateway, bearer tokens, JSON web tokens, credentials in headers
 * and URLs, values of members and variables whose name says that they are secret. What has no such shape is found only when
 * it is known (redact.ts). Linear in the text: no expression can go back over what another try has read.
 */

export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** Names whose values are nobody's business, also as a part of a longer name. */
const SECRET_NAME = /key|token|secret|passw|passphrase|credential|authorization|cookie/i;
/** In the query of a URL these are credentials too: codes of a login, signatures that grant access (RFC 6749 §4.1.2). */
const SECRET_PARAMETER = /^(?:code|sig|signature|x-amz-signature)$/i;
/** Of these a number or a word is a secret as well; of others a number is a count or an id. */
const SECRET_ALWAYS = /passw|secret|passphrase/i;

/** True for the name of a member, a variable or an option that is expected to hold a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** True for one whose numbers are secret too: elsewhere a number is a count or an id. */
export function isSecretNumberName(name: string): boolean {
  return SECRET_ALWAYS.test(name);
}

/** What is found in `text`, in no order, also overlapping. `isCut`: the text goes on behind what is given. */
export function secretSpans(text: string, isCut: boolean): TextSpan[] {
  const spans: TextSpan[] = [];
  for (const find of FINDERS) find(text, spans, isCut);
  return spans;
}

type Find = (text: string, spans: TextSpan[], isCut: boolean) => void;

/** A client key (server/auth/keys.ts), and what our authorization server gives out: codes, tokens, client secrets. */
const OWN = /sp_(?:[0-9a-f]{16}|local)_[\w-]{43}|\b(?:sac|sat|srt|scs)_[\w-]{20,}/g;

const ownCredentials: Find = (text, spans) => {
  if (!/sp_|s(?:ac|at|rt|cs)_/.test(text)) return;
  for (const { index, 0: found } of text.matchAll(OWN)) spans.push({ start: index, end: index + found.length });
};

/** `eyJ` is `{"` in base64. From the start of its run of characters, so that each run is read once. */
const WEB_TOKEN = /(?<![\w-])eyJ[\w-]*(?:\.[\w-]*){0,4}/g;
const WEB_TOKEN_DOTS = 2;

const webTokens: Find = (text, spans, isCut) => {
  if (!text.includes('eyJ')) return;
  for (const { index, 0: found } of text.matchAll(WEB_TOKEN)) {
    const end = index + found.length;
    const isWhole = found.split('.').length > WEB_TOKEN_DOTS;
    if (isWhole || (isCut && end === text.length)) spans.push({ start: index, end });
  }
};

/** RFC 9110 §11.4: scheme and credential, wherever they stand. */
const SCHEME = /\b(bearer|basic)[ \t]{1,8}([^\s"'<>,;\\]+)/gi;
const SHORT = 8;

const schemes: Find = (text, spans) => {
  for (const match of text.matchAll(SCHEME)) {
    const [found, scheme = '', credential = ''] = match;
    // Prose speaks of bearer tokens and of basic things.
    const isProse = scheme.toLowerCase() === 'basic' ? !/[A-Z0-9=]/.test(credential) : /^[a-z]{1,7}$/.test(credential);
    const end = match.index + found.length;
    if (!isProse) spans.push({ start: end - credential.length, end });
  }
};

/** Header lines, also as members of JSON that stands in a text. Cookies have white space, so the line is the value. */
const HEADER = /\b(?:authorization|cookie)\\{0,4}["']?[ \t]{0,8}[:=][ \t]{0,8}(\\{0,4}["'])?/gi;

const headers: Find = (text, spans) => {
  let done = 0;
  for (const match of text.matchAll(HEADER)) {
    // Inside a value that was found nothing is looked for again: the ends of many would be sought in the same text.
    if (match.index < done) continue;
    const start = match.index + match[0].length;
    done = match[1] === undefined ? endOfLine(text, start) : endOfQuoted(text, start, match[1]);
    spans.push({ start, end: done });
  }
};

const PRIVATE_KEY = /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----/g;

const privateKeys: Find = (text, spans) => {
  if (!text.includes('-----BEGIN')) return;
  let done = 0;
  for (const { index, 0: found } of text.matchAll(PRIVATE_KEY)) {
    if (index < done) continue;
    const end = text.indexOf('-----END', index + found.length);
    done = end === -1 ? text.length : end;
    spans.push({ start: index, end: done });
  }
};

/** RFC 3986 §3.2.1. To the last `@` before the path, as a parser would have it. */
const USERINFO = /\/\/([^\s/?#"'<>\\]+)@/g;

const userinfo: Find = (text, spans) => {
  if (!text.includes('@')) return;
  for (const match of text.matchAll(USERINFO)) {
    spans.push({ start: match.index + 2, end: match.index + match[0].length - 1 });
  }
};

const NAME = /[\w.-]+/g;
/** What may stand between a name and its value: a closing quote, a separator, an opening quote. */
const SEPARATOR = /(\\{0,4}["'])?([ \t]{0,8}(?:=>?|:)[ \t]{0,8}|[ \t]{1,8})(\\{0,4}["'`])?/y;
/** Behind it a sentence may go on as well as a value. */
const BEFORE_PROSE = /:[ \t]+$/;
const PLAIN_VALUE = /[^\s,;&#"'`)}\]\\]+/y;
/** Characters of a value in which a digit is looked for. */
const LOOKED_AT = 64;
const LITERAL = /^(?:true|false|null|undefined|-?\d{1,9}(?:\.\d{0,9})?)$/;

const assignments: Find = (text, spans) => {
  let done = 0;
  for (const { index, 0: name } of text.matchAll(NAME)) {
    if (index < done || !namesSecret(text, index, name)) continue;
    SEPARATOR.lastIndex = index + name.length;
    const separator = SEPARATOR.exec(text);
    if (separator === null) continue;
    const [, closing, between = '', opening] = separator;
    // Nothing but space between a name and what follows: prose, or a command line.
    if (between.trim() === '' && !name.startsWith('--')) continue;
    const start = SEPARATOR.lastIndex;
    const value = valueAt(text, start, opening);
    const isAssigned = closing !== undefined || opening !== undefined || !BEFORE_PROSE.test(between);
    if (value === '' || !isSecretValue(name, value, isAssigned)) continue;
    done = start + value.length;
    spans.push({ start, end: done });
  }
};

function namesSecret(text: string, index: number, name: string): boolean {
  if (isSecretName(name)) return true;
  return SECRET_PARAMETER.test(name) && '?&#'.includes(text[index - 1] ?? ' ');
}

/** Whether what follows such a name is a secret, and not a count, another option or the rest of a sentence. */
function isSecretValue(name: string, value: string, isAssigned: boolean): boolean {
  if (LITERAL.test(value)) return SECRET_ALWAYS.test(name);
  if (name.startsWith('--') && value.startsWith('-')) return false;
  return isAssigned || SECRET_ALWAYS.test(name) || value[0] === '{' || value[0] === '[' || looksSecret(value);
}

/** Behind a colon prose goes on; a credential is long and has digits near its start. */
function looksSecret(value: string): boolean {
  return value.length >= SHORT && /\d/.test(value.slice(0, LOOKED_AT));
}

function valueAt(text: string, start: number, opening: string | undefined): string {
  if (opening !== undefined) return text.slice(start, endOfQuoted(text, start, opening));
  // What is inside cannot be told apart from what follows: the line goes.
  if (text[start] === '{' || text[start] === '[') return text.slice(start, endOfLine(text, start));
  PLAIN_VALUE.lastIndex = start;
  return PLAIN_VALUE.exec(text)?.[0] ?? '';
}

function endOfLine(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

/** Index of the quote that closes what `opening` opened: one behind no more backslashes than that had. */
function endOfQuoted(text: string, start: number, opening: string): number {
  const quote = opening.slice(-1);
  const allowed = opening.length - 1;
  let from = start;
  for (let at = text.indexOf(quote, from); at !== -1; at = text.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (at - slashes > from && text[at - slashes - 1] === '\\') slashes++;
    if (slashes <= allowed) return at - slashes;
    from = at + 1;
  }
  return text.length;
}

const FINDERS: readonly Find[] = [ownCredentials, webTokens, schemes, headers, privateKeys, userinfo, assignments];
