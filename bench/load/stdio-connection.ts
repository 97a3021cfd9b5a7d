/** One child that speaks MCP over its stdin and stdout, with any number of calls under way. */

import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { answeredId, ask, envelope, FAILED, GREETING, type Connection, type Era, type Reply } from './connection.ts';

const LINE_FEED = 10;

export class StdioConnection implements Connection {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #era: Era;
  readonly #timeoutMs: number;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  #rest: Buffer[] = [];

  constructor(command: readonly string[], era: Era, timeoutMs: number) {
    const [program = '', ...args] = command;
    this.#era = era;
    this.#timeoutMs = timeoutMs;
    this.#child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child.stdout.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#child.on('exit', () => {
      for (const done of this.#waiting.values()) done({ ...FAILED, error: 'The child has exited.' });
      this.#waiting.clear();
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async open(): Promise<void> {
    if (this.#era === 'stateless') return;
    const params = { ...GREETING, ...envelope(this.#era) };
    await ask(this, { id: 1, method: 'initialize', params, timeoutMs: this.#timeoutMs });
    this.#child.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
  }

  send(id: number, _method: string, _name: string | undefined, body: string, done: (reply: Reply) => void): void {
    this.#waiting.set(id, done);
    this.#child.stdin.write(`${body}\n`);
  }

  close(): void {
    this.#waiting.clear();
    this.#child.kill();
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#rest.push(chunk.subarray(start, end));
      this.#line(Buffer.concat(this.#rest));
      this.#rest = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
  }

  #line(line: Buffer): void {
    const id = answeredId(line);
    const done = this.#waiting.get(id);
    this.#waiting.delete(id);
    done?.({ status: 200, parts: [line], bytes: line.length, isStream: false });
  }
}
