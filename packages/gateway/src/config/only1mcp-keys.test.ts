import * as fc from 'fast-check';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { expand } from './expand.ts';
import { convertOnly1Mcp } from './only1mcp.ts';
import { convert, errors, small } from './testing/only1mcp-convert.ts';
import { only1McpFiles } from './testing/only1mcp-files.ts';

describe('every key', () => {
  type Leaf = { readonly path: ReadonlyArray<string | number>; readonly value: unknown };

  function leaves(value: unknown, path: Leaf['path'] = []): Leaf[] {
    if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return [{ path, value }];
    const isList = Array.isArray(value);
    return Object.entries(value).flatMap(([key, member]) => leaves(member, [...path, isList ? Number(key) : key]));
  }

  /** A copy with one value another one, or gone. */
  function changed(value: unknown, [head, ...rest]: Leaf['path'], now: unknown): unknown {
    if (head === undefined) return now;
    const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
    const inner = (copy as Record<string | number, unknown>)[head];
    const made = changed(inner, rest, now);
    if (made === undefined && Array.isArray(copy)) copy.splice(Number(head), 1);
    else if (made === undefined) delete (copy as Record<string | number, unknown>)[head];
    else (copy as Record<string | number, unknown>)[head] = made;
    return copy;
  }

  type Ledger = ReturnType<typeof convertOnly1Mcp>;
  const converted = (value: unknown): Ledger => convertOnly1Mcp(value as Record<string, unknown>);
  const outcome = ({ value, notes, problems }: Ledger): string => JSON.stringify([value, notes, problems]);

  /** Whether a note or an error names the key, or what it stands in. */
  const isNamed = ({ notes, problems }: Ledger, path: Leaf['path']): boolean =>
    [...notes, ...problems].some(
      (one) =>
        one.path.length > 0 && one.path.join('.') !== 'servers' && one.path.every((key, index) => key === path[index]),
    );

  describe.each(Object.entries(only1McpFiles))('of the file %s', (_name, text) => {
    const file: unknown = parse(text);
    const ledger = converted(file);

    it('is taken over, or named', () => {
      const silent = leaves(file).filter(
        ({ path }) =>
          !isNamed(ledger, path) &&
          // Taken away, turned off, or something else: one of them makes a difference to what is written.
          [undefined, false, 'another'].every(
            (now) => outcome(converted(changed(file, path, now))) === outcome(ledger),
          ),
      );
      expect(silent.map(({ path }) => path.join('.'))).toEqual([]);
    });

    it('is an error where nobody knows it', () => {
      const objects = leaves(file).flatMap(({ path }) =>
        path.flatMap((key, index) => (typeof key === 'string' ? [path.slice(0, index)] : [])),
      );
      const taken = [...new Map(objects.map((one) => [one.join('.'), [...one, 'enbaled']])).values()].filter((path) => {
        const { notes, problems } = converted(changed(file, path, 1));
        const isError = problems.some((one) => one.path.join('.') === path.join('.'));
        return !isError && !isNamed({ ...ledger, notes, problems }, path);
      });
      // What belongs to the user.
      const own = taken.filter((path) => ['env', 'headers'].includes(String(path.at(-2))));
      expect(taken).toEqual(own);
    });
  });
});

describe('what would be less safe', () => {
  it.each([
    [
      'a shared secret',
      'auth: { jwt: { issuer: "https://a.example", secret: x } }',
      /^auth\.jwt\.secret: is a secret that signs/,
    ],
    [
      'HS256',
      'auth: { jwt: { issuer: "https://a.example", algorithm: HS256 } }',
      /^auth\.jwt\.algorithm: .*`HS256` is refused/,
    ],
    [
      'a way in that is not named',
      'auth: { methods: [jwt], jwt: { issuer: "https://a.example" }, api_key: { keys: [] } }',
      /^auth\.api_key: is not among `auth\.methods`/,
    ],
    ['no way in that we have', 'auth: { methods: [basic] }', /^auth\.methods\.0: no way in here/],
    [
      'a certificate besides a key',
      'server: { tls: { cert_path: c, key_path: k, ca_file: a, client_auth: required } }\nauth: { methods: [api_key] }',
      /^server\.tls\.client_auth: asks for a certificate besides `key`/,
    ],
    ['TLS without a certificate', 'security: { tls: { enabled: true } }', /^security\.tls: names no certificate/],
    [
      'places that disagree',
      'server: { host: 127.0.0.1 }\nproxy: { host: 0.0.0.0 }',
      /^proxy\.host: says something else than `server\.host` for our `listen\.host`/,
    ],
    [
      'a weak hash',
      `auth: { api_key: { keys: [{ name: a, hash: "$2b$04$${'a'.repeat(53)}" }] } }`,
      /^auth\.api_key\.keys\.0\.hash: our `auth\.keys\.0\.hash`: expected a bcrypt hash of cost/,
    ],
    [
      'a weak key',
      'auth: { api_key: { keys: [{ name: a, key: secret }] } }',
      /^auth\.api_key\.keys\.0\.key: our `auth\.keys\.0\.key`/,
    ],
    [
      'a key that stands in AWS',
      'auth: { api_key: { keys: [{ name: a, key: "aws:secretsmanager:eu-west-1:keys-of-clients" }] } }',
      /^auth\.api_key\.keys\.0\.key: secrets are not fetched/,
    ],
    [
      'a permission that nobody knows',
      'authorization: { roles: [{ name: a, permissions: ["tools:dance"] }] }',
      /^authorization\.roles\.0\.permissions\.0: no permission that is known/,
    ],
    [
      'a role without a name',
      'authorization: { roles: [{ permissions: ["*"] }] }',
      /^authorization\.roles\.0: expected the name of a role/,
    ],
    [
      'a window that no rate has',
      'security: { rate_limiting: { global_limit: 5, window: 30s } }',
      /^security\.rate_limiting\.window: expected `1s`/,
    ],
    [
      'a rate that is none',
      'security: { rate_limiting: { global_limit: many } }',
      /^security\.rate_limiting\.global_limit: our `limits\.rate\.global`/,
    ],
    [
      'tokens over plain HTTP',
      'server: { host: 0.0.0.0 }\nauth: { jwt: { issuer: "https://a.example" } }',
      /^server\.host: our `listen`: `jwt` beyond loopback needs `listen\.tls`/,
    ],
    ['a switch that a variable turns', 'auth: { enabled: "${AUTH}" }', /^auth\.enabled: expected true or false/],
    [
      'encryption that is nowhere',
      'compliance: { encryption: { in_transit: true } }',
      /^compliance\.encryption\.in_transit: it needs `listen\.tls`/,
    ],
    [
      'an unknown place of TLS',
      'server: { tsl: { enabled: true } }',
      /^server\.tsl: unknown key — did you mean `tls`\?/,
    ],
  ])('%s is refused', async (_what, more, expected) => {
    expect(await errors(small(more))).toEqual([expect.stringMatching(expected)]);
  });

  it('names of servers: two that are one are refused, one that does not fit is fitted', async () => {
    const two = (a: string, b: string): string =>
      `servers:\n  - { id: ${a}, transport: { type: stdio, command: x } }\n  - { id: ${b}, transport: { type: stdio, command: y } }\n`;
    expect(await errors(two('a', 'A'))).toEqual(['servers.1.id: names another server already']);
    expect(Object.keys((await convert(two('toString', 'a__b'))).entry.mcpServers)).toEqual(['toString', 'a_b']);
    expect(await errors(two('constructor', 'b'))).toEqual([expect.stringMatching(/^servers\.0\.id: .*never allowed/)]);
  });

  it('authentication that is off stays so on this machine alone', async () => {
    expect((await convert(small('auth: { enabled: false }'))).entry.auth.modes).toEqual(['none']);
    const open = await convert(small('server: { host: 0.0.0.0 }\nauth: { enabled: false }'));
    expect(open.entry.auth.modes).toEqual(['key']);
    expect(open.notes).toContainEqual(expect.stringMatching(/^auth\.enabled: whoever comes in needs a key here/));
    const both = await convert(small('auth: { enabled: false }\nsecurity: { auth: { required: true } }'));
    expect(both.entry.auth.modes).toEqual(['key']);
    const optional = await convert(small('auth: { enabled: false }\nsecurity: { auth: { required: false } }'));
    expect(optional.entry.auth.modes).toEqual(['key']);
    const required = 'server: { tls: { cert_path: c, key_path: k, ca_file: a, client_auth: required } }';
    const certified = await convert(small(`${required}\nauth: { enabled: false }`));
    expect(certified.entry.auth.modes).toEqual(['mtls']);
    expect(certified.notes.join()).not.toContain('auth.mode: none');
    expect((await convert(small(required))).entry).toMatchObject({
      auth: { modes: ['mtls'] },
      listen: { tls: { clientCa: 'a' } },
    });
  });

  it('of two bounds the tighter one holds', async () => {
    const { entry } = await convert(
      small(
        'rate_limit: { global: { requests_per_second: 100, burst: 20 } }\nlimits: { max_response_size: 9MB }',
        ', limits: { max_concurrent: 9 }',
      ),
    );
    expect(entry.limits).toMatchObject({ serverConcurrency: 9, rate: { global: { count: 20, periodMs: 1000 } } });
  });

  it('calls are counted for each client where the file says so, else for all', async () => {
    const rates = async (more: string): Promise<unknown> =>
      (await convert(small(`proxy: { rate_limiting: { requests_per_second: 10${more} } }`))).entry.limits.rate;
    const usual = { count: 1000, periodMs: 60_000 };
    expect(await rates(', per_client: true')).toEqual({ perPrincipal: { count: 10, periodMs: 1000 } });
    expect(await rates('')).toEqual({ perPrincipal: usual, global: { count: 10, periodMs: 1000 } });
  });

  it('a variable hides neither what is refused nor what is missing elsewhere', async () => {
    const keys = 'auth: { methods: [api_key, mtls], api_key: { keys: [{ name: a, key: "${A_KEY}" }] } }';
    expect(await errors(small(keys))).toEqual([expect.stringMatching(/^auth\.methods\.0: .*`mtls` needs/)]);
  });

  it('a dollar means what it meant', () => {
    const text = fc.string({ unit: fc.constantFrom('$', '{', '}', 'A', 'env:', '-', ' ', '${A}') });
    fc.assert(
      fc.property(text, (written) => {
        const file = { servers: [{ id: 'a', name: written, transport: { type: 'stdio', command: 'x' } }] };
        const { value } = expand(convertOnly1Mcp(file).value, { env: { A: 'yes' }, files: new Map() });
        const meant = written.replaceAll(/\$\{(?:env:)?A+\}/g, (found) => (/A{2}/.test(found) ? found : 'yes'));
        expect(value).toHaveProperty('mcpServers.a.description', meant.replaceAll(/\$\{env:(A{2,})\}/g, '${$1}'));
      }),
    );
  });
});
