/** The schema of HTTP headers that the configuration has sent somewhere. */
import * as v from 'valibot';
import { map } from './schema-parts.ts';

/** HTTP headers by name (RFC 9110 §5.1 and §5.5): a token, and a value without CR, LF and NUL. */
export const headersSchema: v.GenericSchema<Readonly<Record<string, unknown>>, Readonly<Record<string, string>>> = map(
  v.pipe(v.string(), v.regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'expected the name of an HTTP header')),
  v.pipe(
    v.string('expected text'),
    v.check(
      (value) => !/[\r\n]/.test(value) && !value.includes('\u0000'),
      'expected a header value without line breaks or NUL',
    ),
  ),
  'header names and their values',
);
