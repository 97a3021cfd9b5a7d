/**
 * Programs as calls bring them, whichever tool it is: how many may run, what they see of the tools, how they are carried for their
 * client, and what it reads of them. Every call that a program makes goes the whole route of a call, so a program may do nothing
 * that its caller may not do.
 */

import { principalKey, type Answer } from '@sallyport/server';
import type { JsonObject } from '@sallyport/wire';
import type { Call } from '../call.ts';
import { Refused } from '../errors.ts';
import type { SeenTool } from '../meta.ts';
import type { Ended, Failure, ProgramLimits, ToolTable } from './messages.ts';
import { createProgramLeg, type Order, type ProgramLeg, type ProgramLegOptions } from './program-leg.ts';

export interface ProgramsOptions extends Omit<ProgramLegOptions, 'limits' | 'readBytes'> {
  /** Name and version of this gateway. */
  readonly info: JsonObject;
  /** Carries the call to what is asked as a server would be, in the era of its client. */
  readonly carry: (call: Call, leg: ProgramLeg) => Promise<Answer>;
  /** True for a request that goes on with a call which waits for its client. */
  readonly goesOn: (call: Call) => boolean;
}

export interface Programs {
  /** Runs a program for the call that brought it, or goes on with the one that waits for its client. Rejects with a `Refused`. */
  run(order: Order): Promise<Answer>;
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
/** Programs of one principal at a time, and of all. */
const MAX_OF_PRINCIPAL = 4;
const MAX_PROGRAMS = 16;

export function createPrograms(options: ProgramsOptions): Programs {
  const seats = createSeats();
  const legOptions: ProgramLegOptions = { ...options, limits: LIMITS, readBytes: READ_BYTES };
  return {
    run: async (order) => {
      const { outer } = order;
      const leg = createProgramLeg(legOptions, order, options.info);
      if (options.goesOn(outer)) return await options.carry(outer, leg);
      const request: ProgramLeg['request'] = (outgoing) => {
        const leave = seats.take(principalKey(outer.exchange.principal));
        try {
          const pending = leg.request(outgoing);
          pending.answer.then(leave, leave);
          return pending;
        } catch (error) {
          leave();
          throw error;
        }
      };
      return await options.carry(outer, { ...leg, request });
    },
  };
}

/** Tools as a program names them: by server, without its name in theirs. Where two have one name there, it is the first one's. */
export function tableOf(tools: Iterable<Pick<SeenTool, 'name' | 'server'>>): ToolTable {
  // Without a prototype: a name may be any.
  const table = Object.create(null) as Record<string, Record<string, string>>;
  for (const tool of tools) {
    const own = (table[tool.server] ??= Object.create(null) as Record<string, string>);
    own[programName(tool)] ??= tool.name;
  }
  return table;
}

export function programName({ name, server }: Pick<SeenTool, 'name' | 'server'>): string {
  return name.startsWith(`${server}__`) ? name.slice(server.length + 2) : name;
}

/** What a client reads of a program that ended. */
export function told({ failure, log, result }: Omit<Ended, 'kind'>): JsonObject {
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
