/**
 * `run_code`: a model writes a small program over the tools, and only what the program gives comes back. Every call that a program
 * makes goes the whole route of a call, so a program may do nothing that its caller may not do.
 */

import { principalKey, type Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import type { AnsweringTool, SeenTool, Sight } from '../meta.ts';
import type { Ended, Failure, ProgramLimits, ToolTable } from './messages.ts';
import { createProgramLeg, type ProgramLeg, type ProgramLegOptions } from './program-leg.ts';

export interface RunCodeOptions extends Omit<ProgramLegOptions, 'told' | 'limits' | 'readBytes'> {
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  /** Carries the call to what is asked as a server would be, in the era of its client. */
  readonly carry: (call: Call, leg: ProgramLeg) => Promise<Answer>;
  /** True for a request that goes on with a call which waits for its client. */
  readonly goesOn: (call: Call) => boolean;
}

const LIMITS: ProgramLimits = {
  stackBytes: 256 * 1024,
  calls: 100,
  parallel: 8,
  // As much as a client may send.
  argumentLength: 4 * 1024 * 1024,
  outputBytes: 64 * 1024,
};
/** Of the interpreter of a program. */
export const PROGRAM_BYTES: number = 64 * 1024 * 1024;
const READ_BYTES = 4 * 1024 * 1024;
const MAX_CODE = 64 * 1024;
const DEFAULT_SECONDS = 30;
const MAX_SECONDS = 300;
/** Programs of one principal at a time, and of all. */
const MAX_OF_PRINCIPAL = 4;
const MAX_PROGRAMS = 16;

const DESCRIPTION = `Runs a JavaScript program over the tools and gives its result. Use it to call several tools, to loop and to filter, so that only what matters comes back. In it: \`await tools.<server>.<tool>({...})\` gives the structured content or the text of the result and throws when the tool fails; console.log is given back too. Calls may run in parallel (Promise.all). End with an expression or return a value. Nothing else is there: no network, no files, no modules. describe_tools shows the types.`;

/** What a client lists. */
export const RUN_CODE: JsonObject = {
  name: 'run_code',
  title: 'Run a program',
  description: DESCRIPTION,
  inputSchema: {
    type: 'object',
    properties: {
      code: { type: 'string', description: 'JavaScript; await may stand anywhere' },
      timeout: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: MAX_SECONDS,
        default: DEFAULT_SECONDS,
        description: 'Seconds',
      },
    },
    required: ['code'],
  },
  annotations: { readOnlyHint: false, destructiveHint: true },
};

export function createRunCode(options: RunCodeOptions): AnsweringTool {
  const seats = createSeats();
  const legOptions: ProgramLegOptions = { ...options, limits: LIMITS, readBytes: READ_BYTES, told };
  return {
    kind: 'answers',
    name: 'run_code',
    definition: () => RUN_CODE,
    answer: async (call, { code, timeout = DEFAULT_SECONDS }, sight) => {
      const wrong = wrongWith(code, timeout);
      if (wrong !== undefined) return toolError(call, wrong);
      const order = { outer: call, code: code as string, tools: tableOf(sight), timeoutMs: (timeout as number) * 1000 };
      const leg = createProgramLeg(legOptions, order, options.info);
      if (options.goesOn(call)) return await options.carry(call, leg);
      const request: ProgramLeg['request'] = (outgoing) => {
        const leave = seats.take(principalKey(call.exchange.principal));
        try {
          const pending = leg.request(outgoing);
          pending.answer.then(leave, leave);
          return pending;
        } catch (error) {
          leave();
          throw error;
        }
      };
      return await options.carry(call, { ...leg, request });
    },
  };
}

function wrongWith(code: unknown, timeout: unknown): string | undefined {
  if (typeof code !== 'string' || code.trim() === '') return 'run_code needs code: the text of a program.';
  if (code.length > MAX_CODE) return `A program may have ${MAX_CODE} characters.`;
  if (typeof timeout === 'number' && timeout > 0 && timeout <= MAX_SECONDS) return undefined;
  return `timeout is a number of seconds, at most ${MAX_SECONDS}.`;
}

/** Tools as a program names them: by server, without its name in theirs. Where two have one name there, it is the first one's. */
function tableOf({ tools }: Sight): ToolTable {
  // Without a prototype: a name may be any.
  const table = Object.create(null) as Record<string, Record<string, string>>;
  for (const tool of tools.values()) {
    const own = (table[tool.server] ??= Object.create(null) as Record<string, string>);
    own[programName(tool)] ??= tool.name;
  }
  return table;
}

export function programName({ name, server }: Pick<SeenTool, 'name' | 'server'>): string {
  return name.startsWith(`${server}__`) ? name.slice(server.length + 2) : name;
}

/** What a client reads of a program that ended. */
function told({ failure, log, result }: Omit<Ended, 'kind'>): JsonObject {
  const outcome = failure === undefined ? valueText(result) : failureText(failure);
  const texts = [outcome, ...(log === '' ? [] : [`Logged:\n${log.trimEnd()}`])];
  return {
    content: texts.map((text) => ({ type: 'text', text })),
    ...(failure !== undefined && { isError: true }),
  };
}

/** A text as it is; everything else as JSON. */
function valueText(result: string | undefined): string {
  if (result === undefined) return 'The program ended without a result.';
  return result.startsWith('"') ? (JSON.parse(result) as string) : result;
}

function failureText({ column, line, message, name }: Failure): string {
  const place = line === undefined ? '' : ` (line ${line}${column === undefined ? '' : `, column ${column}`})`;
  return `${name}: ${message}${place}`;
}

function toolError({ exchange }: Call, text: string): Answer {
  const result = { content: [{ type: 'text', text }], isError: true };
  return { kind: 'value', result: exchange.era === 'stateless' ? { ...result, resultType: 'complete' } : result };
}

interface Seats {
  /** Returns what gives the place back. Throws a `Refused` when there is none. */
  take(principal: string): () => void;
}

function createSeats(): Seats {
  const taken = new Map<string, number>();
  let all = 0;
  return {
    take: (principal) => {
      const own = taken.get(principal) ?? 0;
      if (own >= MAX_OF_PRINCIPAL || all >= MAX_PROGRAMS) {
        throw new Refused('rate_limited', 'Too many programs run at the moment. Try again when one has ended.', {
          data: { reason: 'programs' },
        });
      }
      taken.set(principal, own + 1);
      all++;
      return () => {
        all--;
        const left = (taken.get(principal) ?? 1) - 1;
        if (left === 0) taken.delete(principal);
        else taken.set(principal, left);
      };
    },
  };
}
