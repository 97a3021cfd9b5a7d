import type http from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { UpstreamError, type BodyRest, type Leg, type Pending, type ResultAnswer } from '../leg.ts';
import { callOf, failure, TestCause, whole } from '../testing/calls.ts';
import { bench, createHttpServers, json } from '../testing/http-servers.ts';
import { Inbox } from '../testing/inbox.ts';
import { openHttpSession } from './open.ts';

const servers = createHttpServers();
const { kept, sessionServer } = servers;
afterEach(() => servers.end());

describe('a large answer', () => {
  const size = 600 * 1024;
  const bodyFor = (id: unknown): string =>
    `{"jsonrpc":"2.0","id":${String(id)},"result":{"text":"${'é'.repeat(size / 2)}"}}`;

  const startWith = (text: (id: unknown) => string): ReturnType<typeof start> =>
    start((body, response) => response.end(body), text);

  async function start(
    write: (body: Buffer, response: http.ServerResponse) => void,
    text: (id: unknown) => string = bodyFor,
  ): Promise<{ leg: Leg; pending: Pending; answer: ResultAnswer & { rest: BodyRest } }> {
    const server = await sessionServer({
      call: ({ message }, response) => {
        const body = Buffer.from(text(message['id']));
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
        write(body, response);
      },
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const pending = leg.request(callOf({ cause: new TestCause() }));
    const answer = await pending.answer;
    expect(answer.kind === 'result' && answer.rest).toBeTruthy();
    return { leg, pending, answer: answer as ResultAnswer & { rest: BodyRest } };
  }

  it('is handed on while it comes, with back-pressure and to the byte', async () => {
    let isStopped = false;
    let writesWhileStopped = 0;
    const { leg, answer } = await start((body, response) => {
      // The head arrives in parts.
      response.write(body.subarray(0, 20), () => setImmediate(() => response.end(body.subarray(20))));
    });
    expect(leg.inFlight).toBe(0);
    const parts: Buffer[] = [];
    await new Promise<void>((resolve, reject) => {
      answer.rest.pipe({
        write: (chunk) => {
          if (isStopped) writesWhileStopped++;
          parts.push(chunk);
          isStopped = true;
          setImmediate(() => {
            isStopped = false;
            answer.rest.resume();
          });
          return false;
        },
        end: resolve,
        fail: reject,
      });
    });
    const rest = Buffer.concat(parts);
    expect(rest.length).toBe(answer.rest.bytes);
    expect(Buffer.concat([answer.before, Buffer.from('5'), answer.after, rest]).toString()).toBe(bodyFor(5));
    expect(writesWhileStopped).toBe(0);
    expect(parts.length).toBeGreaterThan(2);
  });

  it('fails when it breaks off', async () => {
    const { answer } = await start((body, response) => {
      response.write(body.subarray(0, 200_000), () => response.socket?.resetAndDestroy());
    });
    const error = await new Promise<Error>((resolve, reject) => {
      answer.rest.pipe({ write: () => true, end: () => reject(new Error('ended')), fail: resolve });
    });
    expect(error).toBeInstanceOf(UpstreamError);
    expect((error as UpstreamError).reason).toBe('down');
  });

  it.each([
    ['another id behind the result', (body: string) => `${body.slice(0, -1)},"id":77}`],
    ['a request behind the result', (body: string) => `${body.slice(0, -1)},"method":"sampling/createMessage"}`],
    ['a second message', (body: string) => `${body}{"jsonrpc":"2.0","id":1,"method":"ping"}`],
    ['no end', (body: string) => body.slice(0, -2)],
  ])('is cut off when it holds %s', async (_name, forge) => {
    const { answer } = await startWith((id) => forge(bodyFor(id)));
    const parts: Buffer[] = [];
    const error = await new Promise<Error>((resolve, reject) => {
      answer.rest.pipe({
        write: (chunk) => parts.push(chunk) > 0,
        end: () => reject(new Error('ended')),
        fail: resolve,
      });
    });
    expect((error as UpstreamError).reason).toBe('protocol');
    expect(Buffer.concat(parts).toString()).not.toMatch(/77|method/);
  });

  it('frees the connection when it is given up', async () => {
    const closed = new Inbox<true>();
    const { answer } = await start((body, response) => {
      response.on('close', () => closed.push(true));
      response.write(body.subarray(0, 200_000));
    });
    answer.rest.cancel();
    expect(await closed.next()).toBe(true);
  });

  it('frees the connection when its call is given up', async () => {
    const closed = new Inbox<true>();
    const { pending } = await start((body, response) => {
      response.on('close', () => closed.push(true));
      response.write(body.subarray(0, 200_000));
    });
    pending.cancel();
    expect(await closed.next()).toBe(true);
  });

  it('is refused when it answers another request', async () => {
    const server = await sessionServer({ call: (_request, response) => json(response, bodyFor(999_999)) });
    const leg = kept(await openHttpSession(bench(server.url).options));
    expect((await failure(leg.request(callOf()).answer)).reason).toBe('protocol');
  });

  it('fails when its leg is destroyed', async () => {
    const { leg, answer } = await start((body, response) => response.write(body.subarray(0, 200_000)));
    const failed = new Promise<Error>((resolve) => {
      answer.rest.pipe({ write: () => true, end: () => undefined, fail: resolve });
    });
    leg.destroy();
    expect(await failed).toMatchObject({ reason: 'down' });
  });

  it('is gathered when its id does not come first', async () => {
    const text = 'x'.repeat(200_000);
    const server = await sessionServer({
      call: ({ message }, response) =>
        json(response, `{"result":{"text":"${text}"},"jsonrpc":"2.0","id":${message['id'] as number}}`),
    });
    const leg = kept(await openHttpSession(bench(server.url).options));
    const answer = await leg.request(callOf()).answer;
    expect(answer).not.toHaveProperty('rest');
    expect(whole(answer, '3')).toBe(`{"result":{"text":"${text}"},"jsonrpc":"2.0","id":3}`);
  });
});
