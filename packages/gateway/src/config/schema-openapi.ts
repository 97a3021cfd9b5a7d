/**
 * The schema of `mcpServers.<name>.openapi`: an API that an OpenAPI document describes, as a server. Where the document is
 * found is said in servers.ts; what stands in it is read by the room `openapi`.
 */
import * as v from 'valibot';
import { flag, size, text, texts } from './scalars.ts';
import { map, maybe, object, present, preset } from './schema-parts.ts';
import { headersSchema } from './schema-headers.ts';
import { httpUrlOf, secureUrl } from './schema-values.ts';
import type { OpenApiCredential, OpenApiTarget } from './types-server.ts';

/** As written: the document is a path or a URL. */
export type OpenApiEntry = Omit<OpenApiTarget, 'kind' | 'hash' | 'source'> & { readonly sha256?: string };

const globs = 'a list of globs over operation ids or "GET /path", such as ["GET *", "createPet"]';
const SERVER = 'expected an http or https URL without credentials, query and fragment';

const credential: v.GenericSchema<unknown, OpenApiCredential> = v.pipe(
  object(
    {
      value: maybe(text(), 'The API key, or the bearer token.'),
      username: maybe(text(), 'Of HTTP Basic.'),
      password: maybe(v.string('expected text'), 'Its password.'),
      clientId: maybe(text(), 'Of OAuth 2.0, client credentials.'),
      clientSecret: maybe(text(), 'Its secret.'),
      scopes: preset(texts(), [], 'Asked for; else those that operations name.'),
      tokenUrl: maybe(secureUrl(), 'Where tokens come from; else what the document names.'),
    },
    'an object with value, username and password, or clientId and clientSecret',
  ),
  v.transform((written) => present(written)),
  v.check(
    ({ clientId, username, value }) => [value, username, clientId].filter((each) => each !== undefined).length === 1,
    'expected one of `value`, `username` and `clientId`',
  ),
  v.check(
    ({ clientId, clientSecret, password, tokenUrl, username }) =>
      (password === undefined || username !== undefined) &&
      (clientId === undefined) === (clientSecret === undefined) &&
      (tokenUrl === undefined || clientId !== undefined),
    '`password` belongs to `username`; `clientId` and `clientSecret` belong together, and `tokenUrl` to them',
  ),
);

const whole = object(
  {
    document: text('the path or URL of an OpenAPI document'),
    sha256: maybe(
      v.pipe(text(), v.regex(/^[0-9a-f]{64}$|\$\{/, 'expected a SHA-256 of 64 hexadecimal digits')),
      'What the document must be; written by `sallyport add` and `sallyport refresh`.',
    ),
    server: maybe(
      v.pipe(
        v.string(SERVER),
        v.check((value) => httpUrlOf(value)?.search === '' && !value.includes('?'), SERVER),
      ),
      'Where the API is; else what the document says, on the public net.',
    ),
    operations: maybe(
      v.pipe(
        object({
          allow: maybe(texts(globs), 'What becomes tools; else all that only reads.'),
          deny: preset(texts(globs), [], 'What does not; stronger than `allow`.'),
        }),
        v.transform((written) => present(written)),
      ),
      'Which operations become tools; those that only read, unless told.',
    ),
    auth: preset(
      map(text('the name of a security scheme'), credential),
      {},
      'Credentials, by the names of security schemes of the document.',
    ),
    headers: preset(headersSchema, {}, 'Sent with every request.'),
    maxBytes: preset(size(), '4 MiB', 'Of one answer.'),
    pagination: preset(flag(), true, 'Say where there are more pages.'),
  },
  'a path, a URL, or an object with document, …',
);

export const openapi: v.GenericSchema<unknown, OpenApiEntry> = v.pipe(
  v.union([
    v.pipe(
      text(),
      v.transform((document): unknown => ({ document })),
      whole,
    ),
    whole,
  ]),
  v.transform(({ operations = { deny: [] }, ...rest }) => present({ ...rest, operations })),
);
