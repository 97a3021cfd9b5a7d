/**
 * Texts of the configuration with a meaning of their own: URLs that carry credentials, secrets, points in time, lists of
 * names. What a variable that is not set leaves behind (`${NAME}`) is none of them.
 */
import * as v from 'valibot';
import { text } from './scalars.ts';

/** Loopback by name or address; `host` as in a URL or as a listener is told. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return bare === 'localhost' || bare === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/.test(bare);
}

/** The URL in a text, if it is one of http or https without credentials and fragment. */
export function httpUrlOf(value: string): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || (url.protocol !== 'https:' && url.protocol !== 'http:')) return undefined;
  return url.username === '' && url.password === '' && url.hash === '' && !value.includes('${') ? url : undefined;
}

/** An address that is written in the configuration, which something is posted to. */
export function postUrl(description: string): v.GenericSchema<string, string> {
  return v.pipe(
    v.string(),
    v.check(
      (value) => httpUrlOf(value) !== undefined,
      'expected an http or https URL without credentials and fragment',
    ),
    v.description(description),
  );
}

/** True for https, and for http that does not leave this machine. */
export function isSecureUrl(url: URL): boolean {
  return url.protocol === 'https:' || isLoopbackHost(url.hostname);
}

/** A URL over which credentials or keys travel. */
export function secureUrl(expected = 'an https URL (http only on loopback)'): v.GenericSchema<string, string> {
  const message = `expected ${expected}, without credentials and fragment`;
  return v.pipe(
    v.string(message),
    v.check((value) => {
      const url = httpUrlOf(value);
      return url !== undefined && isSecureUrl(url);
    }, message),
  );
}

const issuerText =
  'expected an issuer: an https URL (http only on loopback) without query, exactly as the `iss` claim has it';

/** An issuer (RFC 8414 §2, RFC 9207). `local` and `mtls` are issuers of our own, and no URLs. */
export function issuer(): v.GenericSchema<string, string> {
  return v.pipe(
    v.string(issuerText),
    v.check((value) => {
      const url = httpUrlOf(value);
      return url !== undefined && isSecureUrl(url) && !value.includes('?');
    }, issuerText),
  );
}

/** Words that no random text holds. */
const placeholderWords =
  /change.?me|replace.?me|place.?holder|your.?(?:api|client|secret|own)?.?(?:key|token|secret)|example/i;

/** What examples and templates write in the place of a secret. */
function isPlaceholder(value: string): boolean {
  return (
    /^(?:changeit|secret|password)?$/i.test(value.replaceAll(/[\s_-]/g, '')) ||
    placeholderWords.test(value) ||
    /^<.*>$/s.test(value) ||
    /^(.)\1*$/su.test(value)
  );
}

const placeholderText =
  'this is a placeholder, not a secret: write a random one (`openssl rand -hex 32` makes one), or `${VAR}`';

/** A secret that somebody chose at random, as far as can be told; `fits` looks at its form. */
export function secret(
  expected: string,
  fits: (value: string) => boolean = () => true,
): v.GenericSchema<string, string> {
  return v.pipe(
    v.string(`expected ${expected}`),
    v.check((value) => !isPlaceholder(value), placeholderText),
    v.check(
      (value) => isPlaceholder(value) || (!value.includes('${') && !value.includes('\u0000') && fits(value)),
      `expected ${expected}`,
    ),
  );
}

const momentText = 'expected a date or a time with its zone, such as "2027-01-31" or "2027-01-31T18:00:00Z"';
const momentPattern =
  /^(\d{4}-\d{2}-\d{2})(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))?$/;

/** A point in time, in ms since 1970. A date is its first moment, UTC. */
export function moment(): v.GenericSchema<string, number> {
  return v.pipe(
    v.string(momentText),
    v.check((value) => {
      const day = momentPattern.exec(value)?.[1];
      // 2027-02-30 would be read as the second of March.
      return day !== undefined && new Date(`${day}T00:00:00Z`).getUTCDate() === Number(day.slice(8));
    }, momentText),
    v.transform((value) => Date.parse(value)),
  );
}

/** A list of texts that are not empty. */
export function names(expected: string): v.GenericSchema<string[], string[]> {
  return v.array(text(), `expected ${expected}`);
}

/** A list of texts with at least one; an empty one would match nothing, which nobody writes on purpose. */
export function someNames(expected: string): v.GenericSchema<string[], string[]> {
  return v.pipe(names(expected), v.minLength(1, `expected ${expected}, with at least one entry`));
}

/** One text, or a list of them. */
export function oneOrMore(expected: string): v.GenericSchema<string | string[], string[]> {
  return v.pipe(
    v.union([text(expected), names(`a list of such texts`)]),
    v.transform((value) => (typeof value === 'string' ? [value] : value)),
  );
}
