import { describe, expect, it } from 'vitest';
import { masked, withPlaceholders } from './describe.ts';

const canary = 'CANARY-7d1f';
const file = {
  mcpServers: {
    far: {
      url: `https://example.com/mcp?api_key=${canary}&x=1`,
      headers: { Authorization: `Bearer ${canary}`, 'X-Whatever': canary, Accept: 'text/plain' },
    },
    near: {
      command: 'npx',
      args: [
        '--api-key',
        canary,
        `--token=${canary}`,
        '--header',
        `Authorization: Bearer ${canary}`,
        '-y',
        'pkg@1.2.3',
        `postgres://me:${canary}@db/x`,
        `API_KEY=${canary}`,
      ],
      env: {
        GITHUB_TOKEN: canary,
        accessToken: canary,
        DB_PASSWORD: canary,
        LOG_LEVEL: 'debug',
        URL: `https://u:${canary}@x/`,
        PLAIN: 'sk-abcdefgh12345678',
      },
      oauth: { clientId: 'me', clientSecret: canary, exchange: { clientSecret: canary, privateKey: canary } },
    },
  },
  auth: { keys: [{ name: 'ci', key: canary, hash: canary }] },
};

describe('masked', () => {
  it('shows no secret, and still what is none', () => {
    const text = JSON.stringify(masked(file));
    expect(text).not.toContain(canary);
    expect(text).not.toContain('sk-abcdefgh');
    for (const kept of [
      'pkg@1.2.3',
      '--token=',
      'https://example.com/',
      '"LOG_LEVEL":"debug"',
      'text/plain',
      '"name":"ci"',
      '"clientId":"me"',
    ]) {
      expect(text).toContain(kept);
    }
  });

  it('shows no address of a webhook whose path is its credential', () => {
    const sinks = ['https://siem.example/audit-records-of-ours', `https://sumo.example/receiver/v1/${canary}x1`].map(
      (url) => ({ type: 'webhook', url }),
    );
    const alerts = [{ to: { type: 'webhook', url: `https://chat.example/${canary}`, secret: canary } }];
    const text = JSON.stringify(masked({ audit: { sinks }, alerts }));
    expect(text).not.toContain(canary);
    expect(text).toContain('https://siem.example/audit-records-of-ours');
  });

  it('says nothing of the length of a secret', () => {
    const view = (secret: string): string => JSON.stringify(masked({ mcpServers: { a: { env: { TOKEN: secret } } } }));
    expect(view('a')).toBe(view('a'.repeat(100)));
  });

  it('leaves the given value alone', () => {
    const before = structuredClone(file);
    masked(file);
    expect(file).toEqual(before);
  });
});

describe('withPlaceholders', () => {
  it('puts a variable in the place of every secret, each of its own', () => {
    const { value, variables } = withPlaceholders(file);
    expect(JSON.stringify(value)).not.toContain(canary);
    expect(new Set(variables).size).toBe(variables.length);
    for (const name of variables) {
      expect(name).toMatch(/^[A-Z_a-z][A-Za-z0-9_]*$/);
      expect(JSON.stringify(value)).toContain(`\${${name}}`);
    }
    expect(variables).toContain('GITHUB_TOKEN');
    expect(JSON.stringify(value)).toContain('"--token=${');
  });

  it('keeps a variable that is there already', () => {
    const written = {
      mcpServers: { a: { env: { TOKEN: '${TOKEN}', KEY: '${file:k}' }, headers: { Authorization: 'Bearer ${T}' } } },
    };
    expect(withPlaceholders(written)).toEqual({ value: written, variables: [] });
  });
});
