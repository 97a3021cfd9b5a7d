/**
 * Standard output while MCP is spoken on it: what anybody else writes there, `console.log` and its like, goes to standard
 * error, with one warning, and the stream stays what it must be. It does not catch what writes to the descriptor itself.
 */

import { Writable } from 'node:stream';

export type Output = Pick<NodeJS.WriteStream, 'write' | 'end' | 'cork' | 'on' | 'off'>;

export interface GuardedOutput {
  /** The one way to the real output. */
  readonly stream: Writable;
  /** Gives standard output back. Idempotent. */
  readonly release: () => void;
}

/** `warn` is called once, when somebody writes to `output` for the first time. */
export function guardOutput(output: Output, other: Pick<NodeJS.WriteStream, 'write'>, warn: () => void): GuardedOutput {
  const { cork, end, write: written } = output;
  const write = written.bind(output) as (chunk: Buffer, done: (error?: Error | null) => void) => boolean;
  let warned = false;
  const diverted = (...given: unknown[]): boolean => {
    if (!warned) {
      warned = true;
      warn();
    }
    return (other.write as (...all: unknown[]) => boolean)(...given);
  };
  // Whoever ends standard output would end the conversation; what they say last is heard like the rest.
  const ended = (...given: unknown[]): typeof output => {
    const done = given.find((each) => typeof each === 'function') as (() => void) | undefined;
    const last = given[0] === done ? undefined : given[0];
    if (last !== undefined && last !== null) diverted(last);
    if (done !== undefined) queueMicrotask(done);
    return output;
  };
  output.write = diverted;
  output.end = ended as unknown as typeof end;
  // What is held back there would be held back of the conversation too.
  output.cork = () => {};
  const stream = new Writable({ write: (chunk: Buffer, _encoding, done) => void write(chunk, done) });
  const broken = (): void => void stream.destroy();
  output.on('error', broken).on('close', broken);
  return {
    stream,
    release: () => {
      if (output.write !== diverted) return;
      Object.assign(output, { cork, end, write: written });
      output.off('error', broken).off('close', broken);
    },
  };
}
