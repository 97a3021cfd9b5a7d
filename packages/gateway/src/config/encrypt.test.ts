import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { draftOf, writtenPath } from './check-text.ts';
import { editTexts } from './edit-texts.ts';
import { planMoves, withMoves } from './encrypt.ts';
import { expand } from './expand.ts';

const server = (value: object): unknown => ({ mcpServers: { a: value } });
const texts = (value: unknown, stored: Readonly<Record<string, string>> = {}): unknown[] =>
  planMoves(value, new Map(Object.entries(stored))).moves.map(({ text, value: secret }) => [text, secret]);

describe('planMoves', () => {
  it.each([
    [{ env: { TOKEN: 'abc' } }, '${secret:TOKEN}', 'abc'],
    [{ env: { PASSWORD: 123_456 } }, '${secret:PASSWORD}', '123456'],
    [{ env: { TOKEN: 'a$$b' } }, '${secret:TOKEN}', 'a$b'],
    [{ headers: { Authorization: 'Bearer abc' } }, 'Bearer ${secret:A_AUTHORIZATION}', 'abc'],
    [{ headers: { 'X-Key': 'abc' } }, '${secret:A_X_KEY}', 'abc'],
    [{ args: ['--token=abc'] }, '--token=${secret:A_0}', 'abc'],
    [{ args: ['API_KEY=abc'] }, 'API_KEY=${secret:A_0}', 'abc'],
    [{ args: ['Authorization: Bearer abc'] }, 'Authorization: Bearer ${secret:A_0}', 'abc'],
    [{ args: ['--token', 'Zm9v=='] }, '${secret:A_1}', 'Zm9v=='],
    [{ args: ['--key', 'abc=def'] }, '${secret:A_1}', 'abc=def'],
    [{ args: ['postgres://u:p@h/d'] }, '${secret:A_0}', 'postgres://u:p@h/d'],
    [{ args: ['--dsn=postgres://u:p@h/d'] }, '--dsn=${secret:A_0}', 'postgres://u:p@h/d'],
  ])('%j becomes %s', (value, text, secret) => {
    expect(texts(server({ command: 'x', ...value }))).toEqual([[text, secret]]);
  });

  it.each(['${T}', 'Bearer ${T}', '${file:t}', '${secret:T}', 'Bearer ${exec:T}', ''])('leaves %j alone', (text) => {
    expect(planMoves(server({ url: 'https://x', headers: { Authorization: text } }), new Map())).toEqual({
      moves: [],
      left: [],
    });
  });

  it.each(['abc-${T}', '${T:-abc}', 'abc ${secret:T}'])('says that %j cannot be moved', (text) => {
    const { moves, left } = planMoves(server({ command: 'x', env: { TOKEN: text } }), new Map());
    expect({ moves, left }).toEqual({ moves: [], left: [['mcpServers', 'a', 'env', 'TOKEN']] });
  });

  it('takes one name for one value, and never a name that has another', () => {
    const value = {
      mcpServers: {
        a: { command: 'x', env: { TOKEN: 'one' } },
        b: { command: 'x', env: { TOKEN: 'two' } },
        c: { command: 'x', env: { TOKEN: 'one' } },
      },
    };
    expect(texts(value).map((pair) => (pair as string[])[0])).toEqual([
      '${secret:TOKEN}',
      '${secret:TOKEN_2}',
      '${secret:TOKEN}',
    ]);
    expect(texts(value, { TOKEN: 'three', TOKEN_2: 'one' }).map((pair) => (pair as string[])[0])).toEqual([
      '${secret:TOKEN_2}',
      '${secret:TOKEN_3}',
      '${secret:TOKEN_2}',
    ]);
  });

  it('means the same as before once it is expanded', () => {
    const arg = fc.oneof(
      fc.string(),
      fc.string().map((text) => `--token=${text}`),
      fc.string().map((text) => `KEY: Bearer ${text}`),
    );
    fc.assert(
      fc.property(fc.array(arg), fc.dictionary(fc.constantFrom('TOKEN', 'KEY', 'X'), fc.string()), (args, headers) => {
        const value = server({ args, headers });
        const bare = { env: {}, files: new Map<string, string>() };
        const { moves } = planMoves(value, new Map());
        const secrets = new Map(moves.map((move) => [`\${secret:${move.name}}`, move.value]));
        expect(expand(withMoves(value, moves), { ...bare, secrets }).value).toEqual(expand(value, bare).value);
      }),
    );
  });
});

const yaml = `# top
mcpServers:   # servers
  a: { command: x, env: {TOKEN: 'old' , B: b} }   # one line

  "b":
      command: x
      args:
      - "--token=old" # why
      - |
        Bearer old
      # end
`;
const json = `{
  // servers
  "mcpServers": { "a": {"command": "x", "env": {"TOKEN" : "old", /* b */ "B": "b",}, }, },
}
`;

describe('editTexts', () => {
  const token = { path: ['mcpServers', 'a', 'env', 'TOKEN'], text: '${secret:T}' };

  it('changes values of YAML and no other byte', () => {
    const changes = [
      token,
      { path: ['mcpServers', 'b', 'args', 0], text: '--token=${secret:U}' },
      { path: ['mcpServers', 'b', 'args', 1], text: 'Bearer ${secret:V}' },
    ];
    expect(editTexts(yaml, 'yaml', changes)).toBe(
      yaml
        .replace("'old'", '"${secret:T}"')
        .replace('"--token=old"', '"--token=${secret:U}"')
        .replace('|\n        Bearer old', '"Bearer ${secret:V}"'),
    );
  });

  it('changes values of JSON and no other byte', () => {
    expect(editTexts(json, 'json', [token])).toBe(json.replace('"old"', '"${secret:T}"'));
  });

  it.each([
    ['mcpServers: { a: { env: { TOKEN: &t old, B: *t } } }', ['mcpServers', 'a', 'env', 'TOKEN']],
    ['mcpServers: { a: { env: { B: &t old, TOKEN: *t } } }', ['mcpServers', 'a', 'env', 'TOKEN']],
    ['mcpServers: {}', ['mcpServers', 'a', 'env', 'TOKEN']],
  ])('gives up on %s', (text, path) => {
    expect(editTexts(text, 'yaml', [{ path, text: 'x' }])).toBeUndefined();
  });

  it('finds what a foreign key put elsewhere', async () => {
    const text = '{"servers": {"a": {"command": "x", "env": {"TOKEN": "old"}}}}';
    const draft = await draftOf('f', text, 'json');
    const { moves } = planMoves(draft.value, new Map());
    const changes = moves.map((move) => ({ path: writtenPath(move.path, draft.moved), text: move.text }));
    expect(editTexts(text, 'json', changes)).toBe(text.replace('"old"', '"${secret:TOKEN}"'));
  });
});
