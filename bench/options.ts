/** The command line of `npm run bench`. */

import { parseArgs } from 'node:util';
import type { Era } from './load/connection.ts';

export interface BenchOptions {
  /** Which parts are run. */
  readonly http: boolean;
  readonly stdio: boolean;
  readonly scale: boolean;
  /** Everything once and short, to see that all works. */
  readonly smoke: boolean;
  readonly write: boolean;
  /** Names of systems; empty: all. `direct` is always measured. */
  readonly only: readonly string[];
  readonly connections: readonly number[];
  readonly bytes: readonly number[];
  readonly rounds: number;
  readonly measureMs: number;
  readonly era: Era;
  /** The upstream answers with event streams. */
  readonly sse: boolean;
}

const USAGE = `npm run bench -- [options]
  --http --stdio --scale     parts to run: HTTP upstream, stdio upstream, growth (default: --http; with --write all three)
  --only splice,sallyport    systems to measure beside direct
  --conns 1,16,64            connections
  --bytes 100,10240,1048576  size of a reply
  --rounds 5 --seconds 1     rounds, and how long one system is measured in each
  --era session|stateless    how the client speaks
  --sse                      the upstream answers with event streams
  --write                    write bench/results and docs/PERFORMANCE.md
  --smoke                    everything once, in less than a minute; only correctness counts`;

const OPTIONS = {
  http: { type: 'boolean', default: false },
  stdio: { type: 'boolean', default: false },
  scale: { type: 'boolean', default: false },
  smoke: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  sse: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  conns: { type: 'string', default: '1,16,64' },
  bytes: { type: 'string', default: '100,10240,1048576' },
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '1' },
  era: { type: 'string', default: 'session' },
} as const;

const MAX_BYTES = 1 << 20;

function numbers(name: string, text: string, max: number): number[] {
  return text.split(',').map((each) => {
    const value = Number(each);
    if (Number.isFinite(value) && value > 0 && value <= max) return value;
    throw new Error(`--${name}: "${each}" is not a number above 0 and up to ${max}.\n${USAGE}`);
  });
}

function integers(name: string, text: string, max: number): number[] {
  return numbers(name, text, max).map((value) => {
    if (Number.isInteger(value)) return value;
    throw new Error(`--${name}: ${value} is not a whole number.\n${USAGE}`);
  });
}

function one(values: readonly number[], name: string): number {
  const [only, ...more] = values;
  if (only === undefined || more.length > 0) throw new Error(`--${name} takes one number.\n${USAGE}`);
  return only;
}

/** Throws an error that shows the usage when something is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.era !== 'session' && values.era !== 'stateless') {
    throw new Error(`--era: "${values.era}" is neither session nor stateless.\n${USAGE}`);
  }
  const isPlain = !values.http && !values.stdio && !values.scale;
  const wantsAll = isPlain && (values.write || values.smoke);
  return {
    http: values.http || isPlain,
    stdio: values.stdio || wantsAll,
    scale: values.scale || wantsAll,
    smoke: values.smoke,
    write: values.write,
    only: values.only.split(',').filter((name) => name !== ''),
    connections: integers('conns', values.conns, 1024),
    bytes: integers('bytes', values.bytes, MAX_BYTES),
    rounds: one(integers('rounds', values.rounds, 100), 'rounds'),
    measureMs: Math.round(one(numbers('seconds', values.seconds, 60), 'seconds') * 1000),
    era: values.era,
    sse: values.sse,
  };
}
