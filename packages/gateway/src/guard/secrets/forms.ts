/**
 * The forms in which a secret travels inside of JSON: as it is, escaped, in a URL, in base64 at each offset, in hexadecimal.
 * Escapes of single characters (`\u0041`) are undone before the search instead (escapes.ts).
 */

/** Bytes; a shorter value is a word that occurs everywhere. */
export const MIN_SECRET = 8;

/** A credential is used whole, behind its scheme and, when it has lines, line by line. */
export function partsOf(secret: string): string[] {
  const lines = secret.split(/[\r\n]+/).map((line) => line.trim());
  const credentials = lines.flatMap((line) => {
    const [, scheme = '', credential] = /^([a-z]+) (\S+)$/i.exec(line) ?? [];
    if (credential === undefined) return [];
    return scheme.toLowerCase() === 'basic' ? [credential, passwordOf(credential)] : [credential];
  });
  // The lines that a private key begins and ends with are no secret.
  const parts = [secret, ...lines, ...credentials].filter((part) => !/^-----[A-Z ]+-----$/.test(part));
  return [...new Set(parts)].filter((part) => Buffer.byteLength(part) >= MIN_SECRET);
}

/** RFC 7617: base64 of `user:password`. */
function passwordOf(credential: string): string {
  return Buffer.from(credential, 'base64').toString('utf8').split(':').slice(1).join(':');
}

export function formsOf(secret: string): Buffer[] {
  const wellFormed = secret.toWellFormed();
  const bytes = Buffer.from(wellFormed);
  const escaped = JSON.stringify(wellFormed).slice(1, -1);
  const url = encodeURIComponent(wellFormed);
  const hexadecimal = bytes.toString('hex');
  // In a JSON text that stands in a text.
  const nested = JSON.stringify(escaped).slice(1, -1);
  const texts = [
    wellFormed,
    escaped,
    nested,
    // As some write every slash.
    escaped.replaceAll('/', '\\/'),
    nested.replaceAll('/', '\\\\/'),
    nested.replaceAll('/', '\\\\\\/'),
    url,
    url.replaceAll('%20', '+'),
    url.replace(/%[0-9A-F]{2}/g, (triple) => triple.toLowerCase()),
    hexadecimal.replace(/../g, '%$&'),
    hexadecimal.toUpperCase().replace(/../g, '%$&'),
    hexadecimal,
    hexadecimal.toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64Forms(bytes, offset)),
  ];
  return [...new Set(texts)].map((text) => Buffer.from(text));
}

/** What base64 makes of the bytes behind `offset` others: the characters that depend on these bytes alone (RFC 4648 §4, §5). */
function base64Forms(bytes: Buffer, offset: number): string[] {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  const first = offset === 0 ? 0 : offset + 1;
  const end = Math.floor((shifted.length * 8) / 6);
  const base64 = shifted.toString('base64').slice(first, end);
  const escaped = base64.replaceAll('/', '\\/');
  return [base64, escaped, encodeURIComponent(base64), shifted.toString('base64url').slice(first, end)];
}
