import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { childInput } from './child-stdin.ts';

/** A pipe that notes each write of the system, and takes nothing while `stalled`. */
function recorder(stalled = false): { stdin: Writable; writes: Buffer[] } {
  const writes: Buffer[] = [];
  const stdin = new Writable({
    highWaterMark: 1,
    // As the sockets of a child are.
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      writes.push(Buffer.from(chunk));
      if (!stalled) done();
    },
    writev(chunks, done) {
      writes.push(Buffer.concat(chunks.map(({ chunk }) => Buffer.from(chunk as string | Buffer))));
      if (!stalled) done();
    },
  });
  return { stdin, writes };
}

describe('stdin of a child', () => {
  it('lets all messages of one turn leave in one write, a line each', async () => {
    const { stdin, writes } = recorder();
    const input = childInput(stdin);
    input.send('{"a":"é"}');
    await Promise.resolve();
    input.send(Buffer.from('{"b":1}'));
    expect(writes).toEqual([]);
    await turn();
    expect(writes.map(String)).toEqual(['{"a":"é"}\n{"b":1}\n']);
    input.send('{}');
    await turn();
    expect(writes.map(String).slice(1)).toEqual(['{}\n']);
  });

  it('lets large messages leave in one write too', async () => {
    const { stdin, writes } = recorder();
    const input = childInput(stdin);
    const large = `{${'é'.repeat(100_000)}}`;
    for (const message of ['{}', large, Buffer.from(large)]) input.send(message);
    await turn();
    expect(writes.map(String)).toEqual([`{}\n${large}\n${large}\n`]);
  });

  it('keeps one message on one line and the sender’s bytes as they are', async () => {
    const { stdin, writes } = recorder();
    const input = childInput(stdin);
    const pretty = '{\r\n "a": 1,\n "b": "\\n"\r}\n';
    const bytes = Buffer.from(pretty);
    input.send(pretty);
    input.send(bytes);
    input.send('{\r}');
    input.send(Buffer.from('{\r}'));
    await turn();
    const flat = '{   "a": 1,  "b": "\\n" } \n';
    expect(writes.map(String)).toEqual([`${flat}${flat}{ }\n{ }\n`]);
    expect(bytes.toString()).toBe(pretty);
  });

  it('counts in bytes what is not taken, before and after it is written', async () => {
    const { stdin } = recorder(true);
    const input = childInput(stdin);
    input.send('é');
    input.send(Buffer.from('ab'));
    expect(input.backlogBytes).toBe(6);
    await turn();
    expect(input.backlogBytes).toBe(6);
    input.send('é'.repeat(100_000));
    expect(input.backlogBytes).toBe(200_007);
    await turn();
    expect(input.backlogBytes).toBe(200_007);
  });

  it('writes what waits before it ends, and nothing afterwards', async () => {
    const { stdin, writes } = recorder();
    const input = childInput(stdin);
    input.send('{"last":1}');
    input.end();
    input.send('{"late":1}');
    await turn();
    expect(writes.map(String)).toEqual(['{"last":1}\n']);
    expect(stdin.writableFinished).toBe(true);
    expect(input.backlogBytes).toBe(0);
  });
});
