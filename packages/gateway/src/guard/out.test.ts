import { createSecretKey, randomBytes } from 'node:crypto';
import type { Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import {
  array,
  assert,
  asyncProperty,
  base64String,
  boolean,
  constantFrom,
  dictionary,
  double,
  integer,
  jsonValue,
  oneof,
  record,
  string,
  type Arbitrary,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Call, Step } from '../call.ts';
import { withText } from '../restated.ts';
import type { Finding, GuardSettings } from './finding.ts';
import { createGuardIn } from './in.ts';
import { createGuardOut } from './out.ts';
import { createOwnSecrets } from './secrets/own.ts';
import { createPlaceholders } from './secrets/placeholders.ts';

const SETTINGS: GuardSettings = {
  arguments: 'off',
  secrets: 'flag',
  injection: 'flag',
  injectionResults: false,
  resultMaxBytes: 1000,
};
const HEAD = '{"jsonrpc":"2.0","id":';

function callWith(params: JsonObject = {}, server = 'up'): Call {
  const message = { jsonrpc: '2.0', id: 1, method: 'tools/call', params };
  return {
    exchange: {
      message,
      text: JSON.stringify(message),
      era: 'session',
      principal: { issuer: 'i', subject: 's', roles: [] },
      onCancel: () => undefined,
    },
    target: { server, kind: 'tool', canonicalId: `${server}__t`, original: 't' },
  } as unknown as Call;
}

const result = (bytes: number, cancel: () => void): Answer => ({
  kind: 'result',
  before: Buffer.from(HEAD),
  after: Buffer.from(',"result":{"content":[]}}'),
  rest: { bytes, pipe: () => undefined, resume: () => undefined, cancel },
});

/** A response in two pieces. */
function answerOf(text: string, cutAt = 0): Answer {
  const bytes = Buffer.from(`,"result":${text}}`);
  const rest = bytes.subarray(cutAt);
  const answer: Answer = {
    kind: 'result',
    before: Buffer.from(HEAD),
    after: cutAt === 0 ? bytes : bytes.subarray(0, cutAt),
  };
  if (cutAt === 0) return answer;
  const pipe: NonNullable<typeof answer.rest>['pipe'] = (sink) => {
    sink.write(rest);
    sink.end();
  };
  return { ...answer, rest: { bytes: rest.length, pipe, resume: () => undefined, cancel: () => undefined } };
}

async function bytesOf(answer: Answer): Promise<Buffer> {
  if (answer.kind !== 'result') throw new Error('no result');
  const parts = [answer.after];
  answer.rest?.pipe({ write: (chunk) => parts.push(chunk) > 0, end: () => undefined, fail: () => undefined });
  return Buffer.concat(parts);
}

const placeholders = createPlaceholders(createSecretKey(randomBytes(32)));
const report = (): undefined => undefined;
const external = (): Promise<undefined> => Promise.resolve(undefined);

function outWith(
  settings: Partial<GuardSettings>,
  own = createOwnSecrets(),
  told: (finding: Finding) => void = report,
): Step {
  return createGuardOut({
    settings: () => ({ ...SETTINGS, resultMaxBytes: 1_000_000, ...settings }),
    own,
    placeholders,
    external,
    report: told,
    bytesOf,
    withFront: (bytes) => ({ kind: 'result', before: Buffer.from(HEAD), after: bytes }),
    pause: () => Promise.resolve(),
  });
}

const inward = createGuardIn({
  settings: () => ({ ...SETTINGS, secrets: 'redact' }),
  own: createOwnSecrets(),
  placeholders,
  check: report,
  external,
  withParams: (exchange) => exchange,
  withText,
  report,
});

describe('guard out', () => {
  it('with nothing switched on passes the very same answer', async () => {
    const answer = result(10, () => undefined);
    const out = outWith({ secrets: 'off', injection: 'off' });
    expect(await out(callWith(), () => Promise.resolve(answer))).toBe(answer);
  });

  it('OUT-08 gives the rest of an answer up that is too large', async () => {
    let cancelled = 0;
    const answer = result(2000, () => cancelled++);
    const out = outWith({ resultMaxBytes: 1000 });
    await expect(out(callWith(), () => Promise.resolve(answer))).rejects.toMatchObject({ key: 'unavailable' });
    expect(cancelled).toBe(1);
  });

  it('OUT-11 passes nothing when it fails itself', async () => {
    let cancelled = 0;
    const own = {
      ...createOwnSecrets(),
      get literals(): never {
        throw new Error('broken');
      },
    };
    const answer = result(10, () => cancelled++);
    await expect(outWith({}, own)(callWith(), () => Promise.resolve(answer))).rejects.toThrow('broken');
    expect(cancelled).toBe(1);
  });
});

/** Put together here, so that no scanner takes this file for a leak. */
const TOKENS: readonly string[] = [
  ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_'),
  ['AKIA', 'Q7ZP2MNB4XCV5RTY'].join(''),
  ['-----BEGIN', 'PRIVATE KEY-----\nMIIBVQ\nAbC/+=\n-----END', 'PRIVATE KEY-----'].join(' '),
];

/** Results as servers give them: listings, numbers beyond a double, tables, pictures, other languages, JSON in text. */
const word = string({ unit: 'grapheme', maxLength: 40 });
const benign: Arbitrary<JsonObject> = record({
  content: array(
    oneof(
      record({ type: constantFrom('text'), text: word }),
      record({ type: constantFrom('text'), text: jsonValue().map((value) => JSON.stringify(value, undefined, 2)) }),
      record({
        type: constantFrom('image'),
        mimeType: constantFrom('image/png'),
        data: base64String({ minLength: 40, maxLength: 400 }),
      }),
    ),
    { maxLength: 4 },
  ),
  structuredContent: dictionary(word, oneof(jsonValue(), double(), integer()) as Arbitrary<JsonObject>),
  isError: boolean(),
});

describe('a result in which there is nothing', () => {
  it.each(['flag', 'redact', 'block'] as const)(
    'is the same bytes, a thousand times, with `secrets: %s`',
    async (secrets) => {
      const out = outWith({ secrets, injectionResults: false });
      const number = '12345678901234567890.10e+2';
      await assert(
        asyncProperty(benign, integer({ min: 0, max: 60 }), async (value, cutAt) => {
          const text = JSON.stringify({ ...value, n: 0 }).replace(/"n":0\}$/, `"n": ${number} ,"e":"\\u00e9\\/"}`);
          const given = answerOf(text, cutAt);
          const answer = await out(callWith(), () => Promise.resolve(given));
          expect((await bytesOf(answer)).toString()).toBe(`,"result":${text}}`);
        }),
        { numRuns: 1000 },
      );
    },
  );
});

/** What is behind the id of an answer. */
const textIn = async (answer: Answer): Promise<string> =>
  (await bytesOf(answer)).toString().slice(',"result":'.length, -1);

describe('`redact`', () => {
  const out = outWith({ secrets: 'redact' });
  const shown = async (value: unknown, server = 'up'): Promise<string> =>
    await textIn(await out(callWith({}, server), () => Promise.resolve(answerOf(JSON.stringify(value)))));
  /** What a server gets of arguments. */
  const sent = async (params: JsonObject, server = 'up'): Promise<unknown> => {
    let got: unknown;
    await inward(callWith(params, server), (call) => {
      got = JSON.parse(call.exchange.text);
      expect(call.exchange.message).toEqual(got);
      return Promise.resolve({ kind: 'value', result: {} });
    });
    return (got as { params: unknown }).params;
  };
  const around = string({
    unit: constantFrom('"', '\\', '\n', '\t', '/', 'é', '{', ' ', '=', '👩', '\u2028', '\u0001'),
  });

  it('destroys no file: what is read, changed and written back is what it was, in texts and structured content', async () => {
    await assert(
      asyncProperty(
        array(record({ token: constantFrom(...TOKENS), before: around, after: around }), { maxLength: 4 }),
        async (parts) => {
          const file = parts.map(({ after, before, token }) => `${before} ${token}\n${after}`).join(' ');
          const value = { content: [{ type: 'text', text: file }], structuredContent: { [`a ${file}`]: [file, 1] } };
          const text = await shown(value);
          for (const token of TOKENS) expect(text).not.toContain(token);
          const read = JSON.parse(text) as typeof value;
          expect(await sent({ arguments: { ...read, more: 1 } })).toEqual({ arguments: { ...value, more: 1 } });
          const [content] = read.content;
          // A file of JSON that the client puts the text into.
          const inner = JSON.stringify({ file: content?.text });
          expect(await sent({ arguments: { inner } })).toEqual({ arguments: { inner: JSON.stringify({ file }) } });
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is undone for the same server alone, and whatever is not known is refused', async () => {
    const { content } = JSON.parse(await shown({ content: TOKENS[0] })) as { content: string };
    expect(await sent({ arguments: { content } })).toEqual({ arguments: { content: TOKENS[0] } });
    await expect(sent({ arguments: { content } }, 'other')).rejects.toMatchObject({ key: 'refused' });
    expect(await shown({ content: TOKENS[0] }, 'other')).not.toContain(content);
  });

  it('changes nothing else in a request: numbers that no double holds, escapes of letters', async () => {
    const { content } = JSON.parse(await shown({ content: TOKENS[0] })) as { content: string };
    const call = callWith({ arguments: { content } });
    const text = call.exchange.text.replace('{"content"', '{"n":12345678901234567890,"e":"\\u00e9","content"');
    const exchange = { ...call.exchange, text, message: JSON.parse(text) as Call['exchange']['message'] };
    let got = '';
    await inward({ ...call, exchange }, (next) => {
      got = next.exchange.text;
      return Promise.resolve({ kind: 'value', result: {} });
    });
    expect(got).toBe(text.replace(content, TOKENS[0] as string));
    const escaped = text.replace('[sallyport', '\\u005bsallyport');
    await inward({ ...call, exchange: { ...exchange, text: escaped } }, (next) => {
      expect(next.exchange.text).toContain(TOKENS[0]);
      return Promise.resolve({ kind: 'value', result: {} });
    });
  });

  it('leaves the bytes of pictures and files as they are, but no secret that stands where bytes should', async () => {
    const blob = `AAAA/${TOKENS[1]}/BBBB==`;
    for (const value of [{ contents: [{ uri: 'a:b', blob }] }, { content: [{ type: 'image', data: blob }] }]) {
      expect(JSON.parse(await shown(value))).toEqual(value);
    }
    expect(await shown({ contents: [{ uri: 'a:b', blob: TOKENS[1] }] })).not.toContain(TOKENS[1]);
    expect(await shown({ contents: [{ uri: 'a:b', text: blob }] })).not.toContain(TOKENS[1]);
  });

  it('keeps back what it cannot replace: what escapes hide, what has line breaks in a text in a text, and too many', async () => {
    const [github = '', , pem = ''] = TOKENS;
    const hidden = JSON.stringify({ a: github }).replace('ghp', '\\u0067hp');
    for (const text of [
      hidden,
      JSON.stringify({ a: JSON.stringify({ pem }) }),
      JSON.stringify(Array(1001).fill(github)),
    ]) {
      const answer = answerOf(text);
      await expect(out(callWith(), () => Promise.resolve(answer))).rejects.toMatchObject({ key: 'refused' });
    }
  });
});
