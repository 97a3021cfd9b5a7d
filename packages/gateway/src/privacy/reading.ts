/**
 * Records as they are shown: with the names that their pseudonyms stand for where names may be shown, and with addresses.
 * What stands for somebody who was forgotten stays as it is, and says nothing.
 */

import type { Identity, Named } from './identities.ts';

/** This machine's user: named everywhere, since it is nobody's name. */
export interface ReadingOptions {
  /** Undefined: nobody knows, or not any more. */
  readonly find: (pseudonym: string) => Pick<Identity, 'who' | 'address'> | undefined;
  /** Without what could drive a terminal or forge a line. */
  readonly clean: (text: string) => string;
}

/** Issuer of our own keys: whose names are said without it, as a person types them. */
const OWN_ISSUER = 'local';

const PRINCIPAL = /"principal":"([np]_[\w-]{22})"(?:,"address":"(s_[\w-]{1,512})")?/;
const ANY = /(?<![\w-])[np]_[\w-]{22}(?![\w-])/g;
const NAMED = /(?<![\w-])n_[\w-]{22}(?![\w-])/g;

/** A line of the trail as it is shown; its hash is that of the line as it is kept. */
export function readableLine(line: string, options: ReadingOptions): string {
  return line
    .replace(PRINCIPAL, (_whole, pseudonym: string, sealed: string | undefined) =>
      withNames(pseudonym, sealed, options),
    )
    .replaceAll(NAMED, (pseudonym) => {
      const who = options.find(pseudonym)?.who;
      return who === undefined ? pseudonym : inner(who.issuer === OWN_ISSUER ? who.subject : nameOf(who), options);
    });
}

/** Those that a line holds, as it is kept. */
export function pseudonymsIn(line: string): readonly string[] {
  return line.match(ANY) ?? [];
}

/** `issuer#subject`. */
export function nameOf({ issuer, subject }: Named): string {
  return `${issuer}#${subject}`;
}

function withNames(pseudonym: string, sealed: string | undefined, options: ReadingOptions): string {
  const found = options.find(pseudonym);
  const isShown = found !== undefined && pseudonym.startsWith('n_');
  const address = sealed === undefined ? undefined : found?.address(sealed);
  return (
    `"principal":"${isShown ? inner(nameOf(found.who), options) : pseudonym}"` +
    (address === undefined ? '' : `,"address":"${inner(address, options)}"`)
  );
}

/** As it stands inside a text of JSON. */
function inner(text: string, { clean }: ReadingOptions): string {
  return JSON.stringify(clean(text)).slice(1, -1);
}
