import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { configuredSecrets, createRedactor, MASK } from './redact.ts';
import { secretSpans } from './secret-spans.ts';

const KEY = `sp_0123456789abcdef_${'Ab3-_'.repeat(8)}xyz`;
const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl-_';
const CONFIGURED = 'correct-horse-battery/staple+42';

function redact(text: string, secrets: readonly string[] = []): string {
  const redactor = createRedactor();
  redactor.learn(secrets);
  return redactor.text(text);
}

describe('what has the shape of a secret is masked in a text', () => {
  it.each([
    ['a key of this gateway', `wrong key ${KEY}.`, `wrong key ${MASK}.`],
    ['an access token of ours', `sat_${'Ab3-_'.repeat(10)}`, MASK],
    ['the local key', `sp_local_${'x'.repeat(43)}`, MASK],
    ['a JSON web token', `token is ${JWT}, sorry`, `token is ${MASK}, sorry`],
    ['an encrypted one', `<${JWT}.aa.bb>`, `<${MASK}>`],
    ['a bearer token', 'sent Bearer abc123 and failed', `sent Bearer ${MASK} and failed`],
    ['a basic credential', 'basic dXNlcjpwYXNz!', `basic ${MASK}`],
    ['a header line', 'Authorization: Digest username="a", response="b"\nnext', `Authorization: ${MASK}\nnext`],
    ['a header in JSON', '{"authorization":"Digest \\"a\\" b","x":1}', `{"authorization":"${MASK}","x":1}`],
    [
      'a header in JSON in JSON',
      '"{\\"Cookie\\":\\"a=b; c=d\\",\\"x\\":1}"',
      `"{\\"Cookie\\":\\"${MASK}\\",\\"x\\":1}"`,
    ],
    ['cookies', 'set-cookie: sid=1; HttpOnly', `set-cookie: ${MASK}`],
    ['the user of a URL', 'GET https://me:p@ss@host/a?b=c#d', `GET https://${MASK}@host/a?b=c#d`],
    ['credentials in a query', 'https://h/p?a=1&sig=xyz&code=q#x', `https://h/p?a=1&sig=${MASK}&code=${MASK}#x`],
    ['a variable', 'GITHUB_TOKEN=abc npm', `GITHUB_TOKEN=${MASK} npm`],
    ['a member', '{"apiKey": "a \\" b", "n": 1}', `{"apiKey": "${MASK}", "n": 1}`],
    ['a member as Node shows it', "{ clientSecret: 'abc', n: 1 }", `{ clientSecret: '${MASK}', n: 1 }`],
    ['a line of YAML', 'password: hunter\nuser: me', `password: ${MASK}\nuser: me`],
    ['an option', 'npx server --api-key abc --port 1', `npx server --api-key ${MASK} --port 1`],
    ['a number that is a password', 'passwd=1234', `passwd=${MASK}`],
    ['a list', 'tokens=[a, b]\nnext', `tokens=${MASK}\nnext`],
    ['a private key', 'a -----BEGIN RSA PRIVATE KEY-----\nMII\n-----END b', `a ${MASK}-----END b`],
  ])('%s', (_what, text, shown) => {
    expect(redact(text)).toBe(shown);
  });

  it.each([
    'A bearer token is needed for basic use.',
    'exit code=1, key: not found, tokens: 5',
    '{"progressToken":5,"maxTokens":4096,"hasKey":true,"key":null}',
    'https://example.com/a//b?page=2&sort=x mail@example.com',
    'eyJ is how base64 of an object begins',
    'sp_ and sp_local_ are prefixes; --token --other',
  ])('and %j stays', (text) => {
    expect(redact(text)).toBe(text);
  });
});

describe('configured secrets', () => {
  it('are masked in every form in which they travel', () => {
    const bytes = Buffer.from(CONFIGURED);
    const forms = [
      CONFIGURED,
      encodeURIComponent(CONFIGURED),
      bytes.toString('hex'),
      Buffer.from(`user:${CONFIGURED}`).toString('base64'),
      Buffer.from(`ab${CONFIGURED}!`).toString('base64url'),
    ];
    for (const form of forms) {
      const shown = redact(`before ${form} behind`, [CONFIGURED]);
      expect(shown).toContain(MASK);
      expect(shown.length).toBeLessThan(40);
    }
    expect(redact(JSON.stringify('a"\\quoted secret'), ['a"\\quoted secret'])).toBe(`"${MASK}"`);
  });

  it('wherever they stand, and whole where one is part of another', () => {
    assert(
      property(string({ maxLength: 20 }), string({ minLength: 8, maxLength: 40 }), (around, secret) => {
        const shown = redact(`${around}${secret}${around}`, [secret, secret.slice(0, 8), `${secret}+more`]);
        expect(shown.replaceAll(MASK, '')).not.toContain(secret);
      }),
    );
    expect(redact('longersecret', ['longersecret', 'ersecret'])).toBe(MASK);
    expect(redact('abcdefghijkl', ['abcdefgh', 'efghijkl'])).toBe(MASK);
  });

  it('by their lines, and without the scheme they are sent with', () => {
    expect(redact('line: first-line-of-it', ['first-line-of-it\nsecond-line'])).toBe(`line: ${MASK}`);
    expect(redact('sent tiny-credential', ['Bearer tiny-credential'])).toBe(`sent ${MASK}`);
    const basic = `Basic ${Buffer.from('me:a-long-password').toString('base64')}`;
    expect(redact('a-long-password', [basic])).toBe(MASK);
  });

  it('are those of environment and headers, when they are long enough to be one', () => {
    const servers = [{ target: { env: { A: 'secret-a', B: 'short' } } }, { target: { headers: { c: 'secret-c' } } }];
    const secrets = configuredSecrets(servers, ['secret-d', undefined]);
    expect(redact('secret-a secret-c secret-d short', secrets)).toBe(`${MASK} ${MASK} ${MASK} short`);
  });

  it('are those of a client at a server, and of one where tokens are exchanged', () => {
    const oauth = { clientSecret: 'secret-1', exchange: { clientSecret: 'secret-2', privateKey: 'secret-3' } };
    expect(redact('secret-1 secret-2 secret-3', configuredSecrets([{ target: {}, oauth }]))).toBe(
      `${MASK} ${MASK} ${MASK}`,
    );
  });

  it('stay secret when others are learnt', () => {
    const redactor = createRedactor();
    redactor.learn(['old-secret']);
    redactor.learn(['new-secret']);
    expect(redactor.text('old-secret new-secret')).toBe(`${MASK} ${MASK}`);
  });
});

describe('lengths', () => {
  it('cuts a text, and no secret shows its head at the cut or its tail behind it', () => {
    const secret = 's3cr3t-'.repeat(800);
    for (const before of [4000, 4090, 4095]) {
      const shown = redact(`${'.'.repeat(before)}${secret}${'z'.repeat(10_000)}`, [secret]);
      expect(shown).not.toContain('s3c');
      expect(shown).toBe(`${'.'.repeat(before)}${MASK}… (${before + secret.length + 10_000} characters)`);
    }
    const many = redact('Bearer abcdefgh123 '.repeat(300));
    expect(many).not.toContain('abc');
    expect(redact(`${'.'.repeat(4000)} ${JWT.repeat(1000)}`)).not.toContain('eyJ');
    expect(redact(`${'.'.repeat(4000)} eyJhbGci.${'a'.repeat(20_000)}.c2ln`)).not.toContain('eyJ');
  });

  it('ends soon, whatever a text of a mebibyte is made of', () => {
    const pieces = [
      'a',
      'eyJ',
      'eyJ-',
      'eyJa.',
      'cookie:',
      'key={',
      'key:{',
      '//a@',
      '"key":"\\\\',
      'key="\\"',
      '--key ',
    ];
    for (const piece of [
      ...pieces,
      '-----BEGIN PRIVATE KEY-----',
      'bearer ',
      '?code=',
      'key: "',
      "key: '",
      '\0',
      '\\',
    ]) {
      const text = piece.repeat(2 ** 20 / piece.length);
      secretSpans(text, false);
      expect(redact(text).length).toBeLessThan(30_000);
    }
  });

  it('is not looked through again inside of what was found', () => {
    for (const piece of ['cookie:', 'key={', '-----BEGIN PRIVATE KEY-----']) {
      expect(secretSpans(piece.repeat(1000), false).length).toBeLessThan(5);
    }
  });

  it('bounds depth, members and the whole of a detail', () => {
    const redactor = createRedactor();
    const circle: Record<string, unknown> = {};
    circle['inner'] = circle;
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`m${index}`, index]));
    const shown = redactor.detail({
      circle,
      wide,
      list: Array.from({ length: 1000 }, () => 'x'.repeat(1000)),
      last: 'is not reached',
    });
    expect(JSON.stringify(shown).length).toBeLessThan(20_000);
    expect(JSON.stringify(shown)).toContain('(1000 elements)');
    expect(Object.keys(shown['wide'] as object)).toHaveLength(65);
    expect(shown).not.toHaveProperty('last');
    expect(redactor.detail({ long: 'x'.repeat(10_000) })['long']).toMatch(/^x{4096}… \(10000 characters\)$/);
    const tree = (depth: number): unknown => (depth === 0 ? 1 : Array.from({ length: 64 }, () => tree(depth - 1)));
    expect(JSON.stringify(redactor.detail({ tree: tree(3) })).length).toBeLessThan(50_000);
  });
});

describe('a detail', () => {
  it('is masked under secret names at any depth, but for numbers and flags', () => {
    const shown = createRedactor().detail({
      headers: { Authorization: 'x', 'Set-Cookie': ['a', 'b'], accept: 'json' },
      list: [{ api_key: 'x' }, { sessionToken: { a: 'b' } }],
      clientSecret: 'x',
      PASSWORD: 'x',
      tokens: 12,
      passwd: 1234,
      hasKey: true,
      key: undefined,
    });
    expect(shown).toEqual({
      headers: { Authorization: MASK, 'Set-Cookie': MASK, accept: 'json' },
      list: [{ api_key: MASK }, { sessionToken: MASK }],
      clientSecret: MASK,
      PASSWORD: MASK,
      tokens: 12,
      passwd: MASK,
      hasKey: true,
      key: undefined,
    });
  });

  it('becomes JSON, whatever it was', () => {
    const shown = createRedactor().detail({
      error: new Error(`sent ${KEY}`),
      url: new URL('https://a:b@h/'),
      bytes: Buffer.from('secret bytes'),
      map: new Map([['a', 'b']]),
      big: 1n,
      call: () => 1,
      [`a\u001b${KEY}`]: 'value',
      ['__proto__']: 'own',
    });
    expect(JSON.parse(JSON.stringify(shown))).toMatchObject({
      error: `sent ${MASK}`,
      url: `https://${MASK}@h/`,
      bytes: '[Buffer]',
      map: '[Map]',
      big: '1',
    });
    expect(Object.hasOwn(shown, '__proto__')).toBe(true);
    expect(Object.keys(shown)).toContain(String.raw`a\u001b${MASK}`);
  });

  it('shows control characters and what turns a line as escapes', () => {
    expect(redact('a\u001b[2K\r\u0000b\u202e\u2028c\u0085\td\n')).toBe(
      String.raw`a\u001b[2K\u000d\u0000b\u202e\u2028c\u0085` + '\td\n',
    );
  });
});
