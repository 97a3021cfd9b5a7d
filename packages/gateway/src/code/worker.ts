/**
 * The thread of one program: QuickJS without anything of the host but calls of tools and a log. It ends with the program and is
 * never used again, so nothing of one program is there for the next.
 */

import { parentPort, workerData } from 'node:worker_threads';
import type {
  QuickJSContext,
  QuickJSDeferredPromise,
  QuickJSHandle,
  QuickJSRuntime,
  QuickJSWASMModule,
} from 'quickjs-emscripten-core';
import { openInterpreter } from './interpreter.ts';
import type { Ended, Failure, FromWorker, ReplyMessage, RunMessage, ThreadData } from './messages.ts';
import { meantOf } from './meant.ts';
import { PRELUDE } from './prelude.ts';
import { failureOf, FILE, readable } from './source.ts';

const port = parentPort;
if (port === null) throw new Error('This is the thread of a program, not a program.');
const post = (message: FromWorker): void => port.postMessage(message);

/** Everything of a program but what it says itself, made before it comes. */
interface Room {
  readonly runtime: QuickJSRuntime;
  readonly context: QuickJSContext;
  readonly prelude: QuickJSHandle;
}

/** What most programs do. The interpreter is compiled as it is used, once for all threads: the first program need not wait for that. */
const WARMING = `JSON.stringify(JSON.parse(JSON.stringify(Array.from({ length: 300 }, (_, id) => ({ id, name: 'row ' + id, is: id % 2 === 0 }))))
  .flat().filter(({ is }) => is).map(({ id, name }) => ({ id, name })).sort((one, other) => other.id - one.id)).length`;

function readyRoom(quickjs: QuickJSWASMModule): Room {
  const used = quickjs.newContext();
  used.unwrapResult(used.evalCode(WARMING)).dispose();
  used.dispose();
  const runtime = quickjs.newRuntime();
  const context = runtime.newContext();
  return { runtime, context, prelude: context.unwrapResult(context.evalCode(PRELUDE, 'prelude.js')) };
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

  readonly #prelude: QuickJSHandle;

  constructor({ context, prelude, runtime }: Room, order: RunMessage) {
    const { limits, stop } = order;
    runtime.setMaxStackSize(limits.stackBytes);
    runtime.setInterruptHandler(() => Atomics.load(stop, 0) !== 0);
    this.#runtime = runtime;
    this.#context = context;
    this.#prelude = prelude;
    this.#order = order;
  }

  start(): void {
    const { args: given, code, tools } = this.#order;
    const context = this.#context;
    const call = context.newFunction('call', (name, written) =>
      this.#call(context.getString(name), context.getString(written)),
    );
    const log = context.newFunction('log', (line) => this.#write(context.getString(line)));
    const table = context.newString(JSON.stringify(tools));
    const args = given === undefined ? context.undefined : context.newString(given);
    this.#textOf = context.unwrapResult(context.callFunction(this.#prelude, context.undefined, call, log, table, args));
    const source = readable(context, code, this.#order.limits.outputBytes);
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
    return failureOf(this.#context, error, this.#lines, this.#order.limits.outputBytes);
  }

  /** The thread is ended by whoever hears this: nothing is taken apart here. */
  #end(outcome: Omit<Ended, 'kind' | 'log'>): void {
    post({ kind: 'ended', ...outcome, log: this.#log });
    port?.close();
  }
}

const room = readyRoom(await openInterpreter(workerData as ThreadData));
port.once('message', (order: RunMessage) => {
  const program = new Program(room, order);
  port.on('message', (reply: ReplyMessage) => program.reply(reply));
  program.start();
});
post({ kind: 'ready' });
