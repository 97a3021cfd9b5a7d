/**
 * An interceptor that masks personal data: card numbers, IBANs, e-mail addresses and international telephone numbers. Questions come
 * as lines of JSON on stdin, answers go as lines to stdout (docs/INTERCEPTORS.md). It needs no packages, no files and no network, and
 * writes nothing down. A number without valid check digits stays as it is; pictures and sounds are not looked at.
 */
import { realpathSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Digits with a check digit by Luhn (ISO/IEC 7812-1, annex B). */
function isCard(text) {
  const digits = [...text.replaceAll(/[ -]/g, '')].map(Number).toReversed();
  if (digits.length < 13 || digits.length > 19 || new Set(digits).size === 1) return false;
  const sum = digits.reduce((total, digit, place) => {
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}

/** The digits of a card, perhaps with others behind them. */
function maskedCard(text) {
  if (isCard(text)) return '[card]';
  const [, before, rest] = /^(.*)([ -]\d+)$/.exec(text) ?? [];
  return before !== undefined && isCard(before) ? `[card]${rest}` : text;
}

/** Characters of an IBAN by country (the IBAN registry of ISO 13616). */
const IBAN_LENGTHS = new Map(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22
  GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22
  MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26
  UA29 VA22 VG24 XK20`
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** Check digits by mod 97 (ISO 7064). */
function isIban(text) {
  const moved = text.slice(4) + text.slice(0, 4);
  let rest = 0;
  for (const digit of moved.replaceAll(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55))) {
    rest = (rest * 10 + Number(digit)) % 97;
  }
  return rest === 1;
}

/** Words behind an IBAN may look like more of it: its country says how long it is. */
function maskedIban(text) {
  const length = IBAN_LENGTHS.get(text.slice(0, 2).toUpperCase());
  if (length === undefined) return text;
  let end = 0;
  for (let count = 0; count < length && end < text.length; end++) if (text[end] !== ' ') count++;
  const plain = text.slice(0, end).replaceAll(' ', '').toUpperCase();
  const rest = text.slice(end);
  const isWhole = plain.length === length && (rest === '' || rest.startsWith(' '));
  return isWhole && isIban(plain) ? `[IBAN]${masked(rest)}` : text;
}

/** In this order: what one has masked is nothing for the next. No pattern takes longer than its text is long. */
const DETECTORS = [
  [/[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,8}\p{L}{2,24}/gu, () => '[e-mail]'],
  [/(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,60}/gi, maskedIban],
  [
    /(?<!\d|\d\.)(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|3\d{3}([ -])\d{6}\2\d{4,5})(?!\d)/g,
    maskedCard,
  ],
  [/(?<![\w+])(?:\+|00)[1-9](?:[ ./-]?\(?\d\)?){7,14}(?!\w)/g, () => '[phone]'],
];

export function masked(text) {
  return DETECTORS.reduce((current, [pattern, mask]) => current.replaceAll(pattern, (found) => mask(found)), text);
}

/** The same with every text masked, names of members included. A number may be a card's too. */
function maskedValue(value) {
  if (typeof value === 'string') return masked(value);
  if (typeof value === 'number') return isCard(String(value)) ? '[card]' : value;
  if (Array.isArray(value)) return value.map(maskedValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [masked(name), maskedValue(member)]));
}

/** Bytes of pictures, sounds and files stay. */
function maskedBlock(block) {
  const { data, resource, ...rest } = block;
  if (block.type === 'image' || block.type === 'audio') return { ...maskedValue(rest), data };
  if (typeof resource?.blob !== 'string') return maskedValue(block);
  const { blob, ...about } = resource;
  return { ...maskedValue(rest), resource: { ...maskedValue(about), blob } };
}

/** What was read stays where it is, and bytes stay. */
function maskedContents({ blob, uri, ...rest }) {
  return { uri, ...maskedValue(rest), ...(blob !== undefined && { blob }) };
}

/** Of a tool (`content`), a prompt (`messages`) or a resource (`contents`). */
function maskedResult({ content, contents, messages, ...rest }) {
  return {
    ...maskedValue(rest),
    ...(content && { content: content.map(maskedBlock) }),
    ...(contents && { contents: contents.map(maskedContents) }),
    ...(messages && {
      messages: messages.map(({ content: block, ...about }) => ({
        ...maskedValue(about),
        content: maskedBlock(block),
      })),
    }),
  };
}

/** What becomes of a question. */
export function answerTo({ arguments: args = {}, phase, result }) {
  if (phase === 'before-call') {
    const after = maskedValue(args);
    return isSame(args, after) ? { action: 'pass' } : { action: 'replace', arguments: after };
  }
  const after = maskedResult(result);
  if (isSame(result, after)) return { action: 'pass' };
  const hasContent = after.contents !== undefined || after.messages !== undefined;
  return { action: 'replace', result: hasContent ? after : { content: [], ...after } };
}

/** What a server says need not have the form that it should have: its call is refused, and nobody else's. */
export function safeAnswerTo(question) {
  try {
    return answerTo(question);
  } catch {
    return { action: 'deny', message: 'What was answered has no form that could be looked through.' };
  }
}

/** The members of a result stand in another order. */
function isSame(before, after) {
  const texts = [before, after].map((value) =>
    JSON.stringify(value, (_name, member) =>
      member === null || typeof member !== 'object' || Array.isArray(member)
        ? member
        : Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    ),
  );
  return texts[0] === texts[1];
}

// A test loads it and asks nothing by lines.
if (realpathSync(process.argv[1] ?? '') === import.meta.filename) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, ...question } = JSON.parse(line);
    process.stdout.write(`${JSON.stringify({ id, ...safeAnswerTo(question) })}\n`);
  }
}
