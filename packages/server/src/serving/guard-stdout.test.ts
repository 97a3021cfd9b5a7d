import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { guardOutput, type Output } from './guard-stdout.ts';

function asOutput(stream: PassThrough): Output {
  return stream as unknown as Output;
}

function writeOf(stream: PassThrough): unknown {
  return Reflect.get(stream, 'write');
}

function read(stream: PassThrough): string {
  return String(stream.read() ?? '');
}

describe('standard output while MCP is spoken on it', () => {
  it('S2-30 carries what the door says; everybody else is heard on standard error, with one warning', async () => {
    const [output, other] = [new PassThrough(), new PassThrough()];
    const before = writeOf(output);
    let warnings = 0;
    const { release, stream } = guardOutput(asOutput(output), other, () => warnings++);
    const author = new Console(output, other);
    author.log('log');
    author.info('info');
    author.table([{ a: 1 }]);
    output.write('raw\n');
    output.cork();
    await new Promise<void>((resolve) => output.end('last\n', resolve));
    output.end();
    await new Promise<void>((resolve) => stream.write('{"jsonrpc":"2.0"}\n', () => resolve()));
    expect(read(output)).toBe('{"jsonrpc":"2.0"}\n');
    const heard = read(other);
    for (const each of ['log\n', 'info\n', 'raw\n', 'last\n', '│']) expect(heard).toContain(each);
    expect(warnings).toBe(1);
    release();
    release();
    expect(writeOf(output)).toBe(before);
    output.write('mine again');
    expect(read(output)).toBe('mine again');
  });

  it('ends when the output breaks, and leaves alone who took the output over meanwhile', () => {
    const output = new PassThrough();
    const { release, stream } = guardOutput(asOutput(output), new PassThrough(), () => {});
    const theirs = (): boolean => true;
    output.write = theirs;
    release();
    expect(writeOf(output)).toBe(theirs);
    output.on('error', () => {});
    output.emit('error', new Error('EPIPE'));
    expect(stream.destroyed).toBe(true);
  });
});
