/**
 * The thread of one program: QuickJS without anything of the host but calls of tools and a log. It ends with the program and is
 * never used again, so nothing of one program is there for the next.
 */

import { parentPort, workerData } from 'node:worker_threads';
import variant from '@jitl/quickjs-wasmfile-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSDeferredPromise,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSSyncVariant,
} from 'quickjs-emscripten-core';
import type { Ended, Failure, FromWorker, ReplyMessage, RunMessage, ThreadData } from './messages.ts';
import { meantOf } from './meant.ts';
import { PRELUDE } from './prelude.ts';

const FILE = 'program.js';
/** Bits of QuickJS: the text is a script in which `await` may stand, whose value is that of its last expression. */
const ASYNC_SCRIPT = 1 << 7;
const COMPILE_ONLY = 1 << 5;
/** A program with `return`: the body of a function, one line further down. */
const asBody = (code: string): string => `(async () => {\n${code}\n})()`;
const BODY_LINES = 1;
const PAGE_BYTES = 64 * 1024;
/** Characters of the name of an error. */
const MAX_NAME = 100;
/** No library of TypeScript's that a program for Node has says so. */
declare const WebAssembly: {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => object;
};
/** What the build of QuickJS asks for. */
const INITIAL_PAGES = 256;

const port = parentPort;
if (port === null) throw new Error('This is the thread of a program, not a program.');
const post = (message: FromWorker): void => port.postMessage(message);

interface Source {
  readonly text: string;
  readonly flags: number;
  /** Lines of the text before the first of the program. */
  readonly lines: number;
}

class Program {
  readonly #context: QuickJSContext;
  readonly #runtime: QuickJSRuntime;
  readonly #order: RunMessage;
  readonly #waiting: Map<number, QuickJSDeferredPromise> = new Map();
  readonly #queue: (() => void)[] = [];
  #underWay = 0;
  #calls = 0;
  #log = '';
  #logBytes = 0;
  #lines = 0;
  #outcome: QuickJSHandle | undefined;
  /** What is waited for is the value, and not what holds it. */
  #isValue = false;
  #textOf: QuickJSHandle | undefined;

  constructor(runtime: QuickJSRuntime, order: RunMessage) {
    const { limits, stop } = order;
    runtime.setMaxStackSize(limits.stackBytes);
    runtime.setInterruptHandler(() => Atomics.load(stop, 0) !== 0);
    this.#runtime = runtime;
    this.#context = runtime.newContext();
    this.#order = order;
  }

  start(): void {
    const { code, tools } = this.#order;
    const context = this.#context;
    const prelude = context.unwrapResult(context.evalCode(PRELUDE, 'prelude.js'));
    const call = context.newFunction('call', (name, args) =>
      this.#call(context.getString(name), context.getString(args)),
    );
    const log = context.newFunction('log', (line) => this.#write(context.getString(line)));
    const table = context.newString(JSON.stringify(tools));
    this.#textOf = context.unwrapResult(context.callFunction(prelude, context.undefined, call, log, table));
    const source = this.#sourceOf(code);
    if ('name' in source) return this.#end({ failure: source });
    this.#lines = source.lines;
    const begun = context.evalCode(source.text, FILE, source.flags);
    if (begun.error !== undefined) return this.#end({ failure: this.#failure(begun.error) });
    this.#outcome = begun.value;
    this.#goOn();
  }

  reply({ error, id, result }: ReplyMessage): void {
    const promise = this.#waiting.get(id);
    if (promise === undefined) return;
    this.#waiting.delete(id);
    this.#underWay--;
    if (result !== undefined) promise.resolve(this.#context.newString(meantOf(result)));
    else promise.reject(this.#context.newError({ name: 'ToolError', message: error ?? 'The call failed.' }));
    this.#queue.shift()?.();
    this.#goOn();
  }

  /** A script, or the body of a function if only that can be read; what is wrong with it otherwise. */
  #sourceOf(code: string): Source | Failure {
    const script: Source = { text: code, flags: ASYNC_SCRIPT, lines: 0 };
    const wrong = this.#wrongWith(script);
    if (wrong === undefined) return script;
    const body: Source = { text: asBody(code), flags: 0, lines: BODY_LINES };
    const wrongAsBody = this.#wrongWith(body);
    if (wrongAsBody === undefined) return body;
    return /\breturn\b/.test(wrong.message) ? wrongAsBody : wrong;
  }

  #wrongWith({ flags, lines, text }: Source): Failure | undefined {
    const compiled = this.#context.evalCode(text, FILE, flags | COMPILE_ONLY);
    if (compiled.error === undefined) return undefined;
    this.#lines = lines;
    return this.#failure(compiled.error);
  }

  #call(name: string, args: string): QuickJSHandle | { readonly error: QuickJSHandle } {
    const { argumentLength, calls, parallel } = this.#order.limits;
    const refused = (message: string): { readonly error: QuickJSHandle } => ({
      error: this.#context.newError({ name: 'RangeError', message }),
    });
    if (++this.#calls > calls) return refused(`A program may make ${calls} calls.`);
    if (args.length > argumentLength) return refused(`Arguments may have ${argumentLength} characters as JSON.`);
    const id = this.#calls;
    const promise = this.#context.newPromise();
    this.#waiting.set(id, promise);
    const send = (): void => {
      this.#underWay++;
      post({ kind: 'call', id, name, args });
    };
    if (this.#underWay < parallel) send();
    else this.#queue.push(send);
    return promise.handle;
  }

  #write(line: string): void {
    const { outputBytes } = this.#order.limits;
    if (this.#logBytes > outputBytes) return;
    this.#logBytes += Buffer.byteLength(line) + 1;
    this.#log += this.#logBytes > outputBytes ? '… what was logged after this is left out\n' : `${line}\n`;
  }

  /** Runs what can run, and ends the program when it is over. */
  #goOn(): void {
    const ran = this.#runtime.executePendingJobs();
    if (ran.error !== undefined) return this.#end({ failure: this.#failure(ran.error) });
    const state = this.#context.getPromiseState(this.#outcome as QuickJSHandle);
    if (state.type === 'rejected') return this.#end({ failure: this.#failure(state.error) });
    if (state.type === 'fulfilled') return this.#settled(state.value);
    if (this.#waiting.size > 0) return;
    this.#end({ failure: { name: 'Error', message: 'The program waits for something that never comes.' } });
  }

  /** The value of a script is in an object, and may be a promise again: of a call that nobody awaited. */
  #settled(outcome: QuickJSHandle): void {
    if (this.#isValue) return this.#succeed(outcome);
    this.#isValue = true;
    if (this.#lines > 0) return this.#succeed(outcome);
    this.#outcome = this.#context.getProp(outcome, 'value');
    this.#goOn();
  }

  #succeed(value: QuickJSHandle): void {
    const context = this.#context;
    const text = context.callFunction(this.#textOf as QuickJSHandle, context.undefined, value);
    if (text.error !== undefined) return this.#end({ failure: this.#failure(text.error) });
    if (context.typeof(text.value) !== 'string') return this.#end({});
    const result = context.getString(text.value);
    const { outputBytes } = this.#order.limits;
    const bytes = Buffer.byteLength(result);
    if (bytes <= outputBytes) return this.#end({ result });
    const message = `The result of the program has ${bytes} bytes; ${outputBytes} may leave it. Return less of it.`;
    this.#end({ failure: { name: 'RangeError', message } });
  }

  #failure(error: QuickJSHandle): Failure {
    const given: unknown = this.#context.dump(error);
    // As much of it as of a result: a program throws what it likes.
    const bounded = (text: string): string => text.slice(0, this.#order.limits.outputBytes);
    if (typeof given !== 'object' || given === null) return { name: 'Error', message: bounded(String(given)) };
    const { message, name, stack } = given as Readonly<Record<string, unknown>>;
    const place = typeof stack === 'string' ? /program\.js:(\d{1,9})(?::(\d{1,9}))?/.exec(stack) : null;
    const line = place === null ? 0 : Number(place[1]) - this.#lines;
    return {
      name: typeof name === 'string' ? name.slice(0, MAX_NAME) : 'Error',
      message: bounded(typeof message === 'string' ? message : JSON.stringify(given)),
      ...(line > 0 && { line }),
      ...(line > 0 && place?.[2] !== undefined && { column: Number(place[2]) }),
    };
  }

  /** The thread is ended by whoever hears this: nothing is taken apart here. */
  #end(outcome: Omit<Ended, 'kind' | 'log'>): void {
    post({ kind: 'ended', ...outcome, log: this.#log });
    port?.close();
  }
}

const { memoryBytes, wasmModule } = workerData as ThreadData;
// QuickJS counts too little on WebAssembly (it does not learn how large its blocks are), so the memory itself ends there.
const wasmMemory = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: Math.floor(memoryBytes / PAGE_BYTES) });
// Its types are those of a CommonJS module, which it is not here.
const quickjs = await newQuickJSWASMModuleFromVariant(
  newVariant(variant as unknown as QuickJSSyncVariant, { wasmMemory, wasmModule }),
);
port.once('message', (order: RunMessage) => {
  const program = new Program(quickjs.newRuntime(), order);
  port.on('message', (reply: ReplyMessage) => program.reply(reply));
  program.start();
});
post({ kind: 'ready' });
