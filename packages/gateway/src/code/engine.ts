/**
 * Programs, each in a thread of its own that ends with it. Threads are kept ready for the next programs, for a while: making one takes
 * longer than most programs. Whatever a program does, it ends: it is asked to stop, then its thread is cut.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { JsonObject } from '@sallyport/wire';
import type {
  CallMessage,
  Ended,
  FromWorker,
  ProgramLimits,
  ReplyMessage,
  RunMessage,
  ThreadData,
  ToolTable,
} from './messages.ts';

export interface Program {
  readonly code: string;
  /** What it finds as `args`; absent: there is none. */
  readonly args?: JsonObject;
  readonly tools: ToolTable;
  readonly limits: ProgramLimits;
  /** Makes a call. Never rejects. */
  readonly call: (name: string, args: string) => Promise<Pick<ReplyMessage, 'result' | 'error'>>;
}

/** A program that runs. */
export interface Running {
  /** Never rejects. */
  readonly ended: Promise<Omit<Ended, 'kind'>>;
  /** Ends it, with what is said then. Idempotent. */
  stop(why: string): void;
}

export interface Engine {
  start(program: Program): Running;
  /** Somebody may bring a program soon. */
  expect(): void;
  /** Ends all that run. Idempotent. */
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Of the interpreter of each program, in bytes. */
  readonly memoryBytes: number;
  /** Calls once after `ms`; returns what takes it back. */
  readonly setTimer: (fire: () => void, ms: number) => () => void;
}

/** From the wish to stop until a thread is cut: a single step of a program may be long. */
const GRACE_MS = 250;
/** Threads that wait for a next program: while another one is made, there is one. Each has some 30 MB. */
const SPARES = 2;
/** That one waits: a model thinks, and a person. */
const SPARE_MS = 5 * 60_000;
/** After a program before another thread is made: its answer goes first. */
const BEHIND_MS = 20;
/** Of the thread around QuickJS, whose memory is counted apart: the strings that pass. */
const THREAD_MIB = 128;

const INTERPRETER = '@jitl/quickjs-wasmfile-release-sync/wasm';
/** No library of TypeScript's that a program for Node has says so. */
declare const WebAssembly: { readonly Module: new (bytes: Uint8Array) => object };

export function createEngine(options: EngineOptions): Engine {
  return new Threads(options);
}

class Threads implements Engine {
  readonly #options: EngineOptions;
  readonly #running: Set<Running> = new Set();
  /** With what takes back that they are dropped. The first is used first. */
  readonly #spares: Map<Worker, () => void> = new Map();
  #making: (() => void) | undefined;
  /** Of the interpreter; held, so that it is compiled, and made fast, once and not in each thread. */
  #wasmModule: object | undefined;
  #closed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  start(program: Program): Running {
    const worker = this.#takeSpare() ?? this.#newThread();
    const running = new Thread(worker, program, this.#options);
    this.#running.add(running);
    void running.ended.then(() => {
      this.#running.delete(running);
      this.expect();
    });
    return running;
  }

  expect(): void {
    if (this.#closed || this.#making !== undefined || this.#spares.size >= SPARES) return;
    this.#making = this.#options.setTimer(() => {
      this.#making = undefined;
      this.#keepSpare();
      // One at a time: others need the machine too.
      this.expect();
    }, BEHIND_MS);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#making?.();
    for (let spare = this.#takeSpare(); spare !== undefined; spare = this.#takeSpare()) void spare.terminate();
    const all = [...this.#running];
    for (const each of all) each.stop('The gateway is shutting down.');
    await Promise.all(all.map(({ ended }) => ended));
  }

  #newThread(): Worker {
    this.#wasmModule ??= new WebAssembly.Module(readFileSync(fileURLToPath(import.meta.resolve(INTERPRETER))));
    return newThread({ memoryBytes: this.#options.memoryBytes, wasmModule: this.#wasmModule });
  }

  #takeSpare(): Worker | undefined {
    const spare = this.#spares.keys().next().value;
    if (spare !== undefined) this.#drop(spare);
    return spare;
  }

  #drop(spare: Worker): void {
    this.#spares.get(spare)?.();
    this.#spares.delete(spare);
    spare.removeAllListeners('error');
  }

  #keepSpare(): void {
    const spare = this.#newThread();
    const dropLater = this.#options.setTimer(() => {
      this.#drop(spare);
      void spare.terminate();
    }, SPARE_MS);
    this.#spares.set(spare, dropLater);
    // One that cannot start fails again, and is told of, when a program needs it.
    spare.once('error', () => this.#drop(spare));
  }
}

function newThread(workerData: ThreadData): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./worker.${extension}`, import.meta.url), {
    env: {},
    execArgv: [],
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_MIB },
  });
  worker.unref();
  return worker;
}

class Thread implements Running {
  readonly ended: Promise<Omit<Ended, 'kind'>>;
  readonly #worker: Worker;
  readonly #program: Program;
  readonly #options: EngineOptions;
  readonly #stop: Int32Array = new Int32Array(new SharedArrayBuffer(4));
  #finish: (outcome: Omit<Ended, 'kind'>) => void = () => undefined;
  #takeBack: (() => void) | undefined;
  #stopped: string | undefined;
  #isOver = false;

  constructor(worker: Worker, program: Program, options: EngineOptions) {
    this.#worker = worker;
    this.#program = program;
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#finish = resolve;
    });
    worker.on('message', (message: FromWorker) => this.#hear(message));
    worker.on('error', (error) => this.#end(failed('Error', `The program broke its interpreter: ${error.message}`)));
    worker.on('exit', () => this.#end(failed('Error', 'The interpreter of the program ended.')));
    const { args, code, limits, tools } = program;
    const given = args && { args: JSON.stringify(args) };
    const order: RunMessage = { kind: 'run', code, ...given, limits, tools, stop: this.#stop };
    worker.postMessage(order);
  }

  stop(why: string): void {
    if (this.#isOver || this.#stopped !== undefined) return;
    this.#stopped = why;
    Atomics.store(this.#stop, 0, 1);
    // One that waits for a call takes no step by itself.
    this.#takeBack = this.#options.setTimer(() => this.#end(failed('Error', why)), GRACE_MS);
  }

  #hear(message: FromWorker): void {
    if (message.kind === 'call') {
      // Nobody else would hear of it, and the whole gateway would end.
      this.#call(message).catch(() => this.#end(failed('Error', 'A call of the program could not be made.')));
    } else if (message.kind === 'ended') this.#end(message);
  }

  async #call({ args, id, name }: CallMessage): Promise<void> {
    const reply: ReplyMessage = { kind: 'reply', id, ...(await this.#program.call(name, args)) };
    if (!this.#isOver) this.#worker.postMessage(reply);
  }

  #end({ failure, log, result }: Omit<Ended, 'kind'>): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#takeBack?.();
    void this.#worker.terminate();
    const why = this.#stopped;
    this.#finish(
      why === undefined
        ? { log, ...(result !== undefined && { result }), ...(failure && { failure }) }
        : { log, failure: { name: 'Error', message: why } },
    );
  }
}

function failed(name: string, message: string): Omit<Ended, 'kind'> {
  return { failure: { name, message }, log: '' };
}
