/** What passes between the gateway and the thread that runs one program (worker.ts). */

/** Tools by the name of their server and their own, as a program writes them; the value is the name that is called. */
export type ToolTable = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface ProgramLimits {
  readonly stackBytes: number;
  /** Calls in all, and under way at a time. */
  readonly calls: number;
  readonly parallel: number;
  /** Characters of the arguments of a call, as JSON. */
  readonly argumentLength: number;
  /** Of the result as JSON, and of what is logged, each. */
  readonly outputBytes: number;
}

/** What a thread is started with. */
export interface ThreadData {
  /** Compiled, a `WebAssembly.Module`: threads share what was made of it. */
  readonly wasmModule: object;
  /** Of all that QuickJS has, itself included: at least 16 MiB. */
  readonly memoryBytes: number;
}

export interface RunMessage {
  readonly kind: 'run';
  readonly code: string;
  /** JSON of an object: what it finds as `args`. */
  readonly args?: string;
  readonly tools: ToolTable;
  readonly limits: ProgramLimits;
  /** One number: anything but 0 stops the program at its next step. */
  readonly stop: Int32Array;
}

/** What came of a call: its result as JSON, or what is thrown where it was made. */
export interface ReplyMessage {
  readonly kind: 'reply';
  readonly id: number;
  readonly result?: string;
  readonly error?: string;
}

export interface CallMessage {
  readonly kind: 'call';
  readonly id: number;
  readonly name: string;
  /** JSON of an object, as the program wrote it. */
  readonly args: string;
}

/** How a program ended. */
export interface Ended {
  readonly kind: 'ended';
  /** JSON; absent: it gave nothing, or failed. */
  readonly result?: string;
  readonly failure?: Failure;
  readonly log: string;
}

export interface Failure {
  /** `SyntaxError`, `ToolError` … */
  readonly name: string;
  readonly message: string;
  /** In the program as it was given, from 1. */
  readonly line?: number;
  readonly column?: number;
}

export type FromWorker = { readonly kind: 'ready' } | CallMessage | Ended;
