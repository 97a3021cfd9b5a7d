/** The schema of `admin`: whether there is an admin API, where, and for whom. What it is stands in docs/ADMIN.md. */
import { isIP } from 'node:net';
import * as v from 'valibot';
import { flag, integer, text } from './scalars.ts';
import { tlsSchema } from './schema-listen.ts';
import { object, maybe, present, preset } from './schema-parts.ts';
import type { AdminConfig } from './types.ts';

const host = v.pipe(
  v.string('expected an address or a CIDR block'),
  v.check((value) => isBlock(value), 'expected an address or a CIDR block, such as 10.0.0.0/24'),
);

function isBlock(value: string): boolean {
  const [address = '', prefix, ...more] = value.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  const isRange = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
  return isIP(address) !== 0 && isRange && more.length === 0;
}

const path = v.pipe(
  text(),
  v.regex(/^(?:\/[A-Za-z0-9_-]+)+$/, 'expected a path such as /api/v1, of letters, digits, - and _'),
  v.regex(
    /^\/(?!(?:mcp|sse|messages|metrics|healthz|readyz|login|oauth|auth)(?:\/|$))/,
    'something else stands at this path',
  ),
);

export const adminSchema: v.GenericSchema<unknown, AdminConfig> = preset(
  v.pipe(
    object({
      enabled: preset(flag(), true, 'Serve the admin API.'),
      path: preset(path, '/api/v1', 'Where it is.'),
      dashboard: maybe(flag(), 'Pages for people; there are none in this version, and left out it means none.'),
      hosts: preset(
        v.array(host, 'expected a list of addresses'),
        [],
        'Addresses and CIDR blocks that admin keys are good from, besides this machine.',
      ),
      remoteWrite: preset(flag(), false, 'From there changes are made too.'),
      listen: maybe(
        v.pipe(
          object({
            host: preset(text('an address or host name'), '127.0.0.1', 'Address to listen on.'),
            port: v.pipe(integer(0, 65_535), v.description('Port; 0 = any free one.')),
            tls: maybe(tlsSchema, 'Serve TLS.'),
          }),
          v.transform((value): NonNullable<AdminConfig['listen']> => present(value)),
        ),
        'A listener of its own: the main one has no admin API then.',
      ),
      commands: preset(flag(), false, 'From there servers that are commands are added too; needs remoteWrite.'),
    }),
    v.transform(({ dashboard: _dashboard, ...value }): AdminConfig => present(value)),
  ),
  {},
  'The admin API.',
);
