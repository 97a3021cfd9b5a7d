import { describe, expect, it } from 'vitest';
import { piecesOf, printPieces, resourcePiece } from './contents.ts';
import type { CliContext } from './context.ts';

interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  readonly files: Readonly<Record<string, string>>;
}

async function print(content: unknown, output?: string, columns?: number): Promise<Printed> {
  const out: string[] = [];
  const err: string[] = [];
  const files: Record<string, string> = {};
  const context = {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => err.push(text) },
    columns: () => columns,
    cwd: '/work',
    files: { replace: async (path: string, data: Uint8Array) => void (files[path] = Buffer.from(data).toString()) },
  };
  await printPieces(context as unknown as CliContext, piecesOf(content as never), output);
  return { stdout: out.join(''), stderr: err.join(''), files };
}

const image = { type: 'image', mimeType: 'image/png', data: Buffer.from('one').toString('base64') };
const audio = { type: 'audio', mimeType: 'audio/wav', data: Buffer.from('two').toString('base64') };

describe('content', () => {
  it('is printed as what it is', async () => {
    const { stdout, stderr } = await print([
      { type: 'text', text: 'a' },
      { type: 'resource', resource: { uri: 'x:1', text: 'b\n' } },
      { type: 'resource_link', uri: 'x:2', name: 'two' },
      { type: 'hologram', depth: 3 },
      image,
      { type: 'resource', resource: { uri: 'x:3', blob: 'AAAA' } },
    ]);
    expect(stdout).toBe('a\nb\nx:2  two\n{"type":"hologram","depth":3}\n');
    expect(stderr).toBe(
      'image: image/png, 3 B (--output FILE writes it)\nx:3: unknown type, 3 B (--output FILE writes it)\n',
    );
  });

  it('cannot drive a terminal, and is left alone in a pipe', async () => {
    const content = [{ type: 'text', text: 'a\u001b[2J\r\nb' }];
    expect((await print(content, undefined, 80)).stdout).toBe('a\ufffd[2J\nb\n');
    expect((await print(content)).stdout).toBe('a\u001b[2J\r\nb\n');
    expect((await print([{ ...image, mimeType: 'x\u001b[2J' }])).stderr).not.toContain('\u001b');
  });

  it('is written when it is the first that is binary', async () => {
    const { files, stderr } = await print([{ type: 'text', text: 'a' }, image, audio], 'out.png');
    expect(files).toEqual({ '/work/out.png': 'one' });
    expect(stderr).toBe('image: image/png, 3 B, written to out.png\naudio: audio/wav, 3 B\n');
    await expect(print([{ type: 'text', text: 'a' }], 'out.png')).rejects.toMatchObject({ exitCode: 1 });
  });

  it('of a resource may be of no known form', () => {
    expect(resourcePiece({ uri: 'x' })).toEqual({ kind: 'text', text: '{"uri":"x"}' });
    expect(piecesOf(undefined)).toEqual([]);
  });
});
