/** A link to a gateway inside this process: what it serves over stdio, with pipes in between. */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { LineReader } from '@sallyport/server';
import type { Link, LinkEvents } from './link.ts';

/** Serves one client over two streams until the input ends. */
export type ServeStreams = (
  input: Readable,
  output: Writable,
) => { readonly done: Promise<void>; readonly close: () => void };

const LF = '\n';

export function openProcessLink(serve: ServeStreams, maxBytes: number, events: LinkEvents): Link {
  const input = new PassThrough();
  const output = new PassThrough();
  const lines = new LineReader({ maxBytes, onLine: (line) => events.onMessage(line), onOversize: () => undefined });
  output.on('data', (chunk: Buffer) => lines.push(chunk));
  input.on('drain', () => events.onDrain());
  const door = serve(input, output);
  void door.done.then(() => {
    lines.end();
    events.onClosed();
  });
  return {
    send: (message) => {
      input.write(message);
      return input.write(LF);
    },
    pause: () => void output.pause(),
    resume: () => void output.resume(),
    close: () => door.close(),
  };
}
