/**
 * From a channel to a leg: opens it and finds the era (2026-07-28, versioning, "stdio": probe with `server/discover`, fall
 * back to `initialize` on anything but an answer of the stateless era, time-outs included). It does not store verdicts and
 * does not try again later.
 */

import { isSessionRevision, type Era } from '@sallyport/wire';
import { discover, initialize, OtherEraError, type Hello, type SendHello } from '../hello.ts';
import { UpstreamError } from '../leg.ts';
import { openConnection, type Connection, type ConnectionOptions } from './connection.ts';
import { DuplexLeg, type Greeting } from './leg.ts';

/** A probe gets this part of the time to connect, and a second at least. */
const PROBE_PART = 3;
const PROBE_LEAST_MS = 1000;

export interface DuplexOptions extends ConnectionOptions, Hello {
  readonly era: 'auto' | Era;
  /** What the server was found to speak lately. Not asked again while it holds true. */
  readonly knownEras?: readonly Era[];
  readonly connectTimeoutMs: number;
  /** Opening a channel takes none of that time: it is ours, as when a program is installed first, and bounded elsewhere. */
  readonly opensFree?: boolean;
}

export interface OpenedDuplex {
  readonly leg: DuplexLeg;
  /** What the server speaks. */
  readonly eras: readonly Era[];
  /** Something was learnt that may be kept: a time-out, for one, proves nothing. */
  readonly proven: boolean;
}

interface Found {
  readonly connection: Connection;
  readonly greeting: Greeting;
  readonly proven: boolean;
}

/** Rejects with `UpstreamError`; the channel is ended then. One leg serves both kinds of callers. */
export async function openDuplex(options: DuplexOptions): Promise<OpenedDuplex> {
  const attempt: Attempt = {
    options,
    endsAtMs: options.now() + options.connectTimeoutMs,
    leftMs: () => Math.max(1, attempt.endsAtMs - options.now()),
    ending: undefined,
  };
  const { connection, greeting, proven } = await find(attempt);
  const leg = new DuplexLeg(connection, greeting, options);
  return { leg, eras: erasOf(greeting), proven };
}

interface Attempt {
  readonly options: DuplexOptions;
  endsAtMs: number;
  readonly leftMs: () => number;
  /** Of the channel before: two children at a time could disturb each other. */
  ending: Promise<void> | undefined;
}

async function find(attempt: Attempt): Promise<Found> {
  const { era, knownEras } = attempt.options;
  if (era !== 'auto') return start(attempt, (connection) => greet(attempt, connection, era));
  if (knownEras === undefined || knownEras.length === 0) return probe(attempt);
  const known: Era = knownEras.includes('stateless') ? 'stateless' : 'session';
  try {
    return await start(attempt, (connection) => greet(attempt, connection, known));
  } catch (error) {
    if (!isWrongEra(error)) throw error;
    attempt.options.events.log('info', `The server "${attempt.options.name}" speaks another era than it did.`);
    return start(attempt, (connection) => greet(attempt, connection, known === 'session' ? 'stateless' : 'session'));
  }
}

async function probe(attempt: Attempt): Promise<Found> {
  try {
    return await start(attempt, (connection) => probeOn(attempt, connection));
  } catch (error) {
    if (!(error instanceof ExitOnProbe)) throw error;
    attempt.options.events.log('info', `The server "${attempt.options.name}" ends when it is asked for its era.`);
    return start(attempt, (connection) => greet(attempt, connection, 'session'));
  }
}

/** The server could not bear a request before `initialize`. */
class ExitOnProbe extends UpstreamError {}

async function probeOn(attempt: Attempt, connection: Connection): Promise<Omit<Found, 'connection'>> {
  const { options, leftMs } = attempt;
  const probeMs = Math.min(leftMs(), Math.max(PROBE_LEAST_MS, options.connectTimeoutMs / PROBE_PART));
  try {
    return { greeting: await greetStateless(connection, options, probeMs), proven: true };
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    if (error.reason === 'down') throw new ExitOnProbe('down', error.message, { cause: error });
    return initializeOrDiscover(attempt, connection, error.reason !== 'timeout');
  }
}

/** A server that is slow to start may miss the probe and still be of the stateless era alone; then it says so here. */
async function initializeOrDiscover(
  attempt: Attempt,
  connection: Connection,
  proven: boolean,
): Promise<Omit<Found, 'connection'>> {
  try {
    return { greeting: await greetSession(connection, attempt.options, attempt.leftMs()), proven };
  } catch (error) {
    if (proven || !isWrongEra(error)) throw error;
    return greet(attempt, connection, 'stateless');
  }
}

async function greet(attempt: Attempt, connection: Connection, era: Era): Promise<Omit<Found, 'connection'>> {
  const say = era === 'session' ? greetSession : greetStateless;
  return { greeting: await say(connection, attempt.options, attempt.leftMs()), proven: true };
}

async function greetSession(connection: Connection, hello: Hello, timeoutMs: number): Promise<Greeting> {
  const introduced = await initialize(senderOn(connection), hello, timeoutMs);
  connection.era = 'session';
  connection.notify('notifications/initialized');
  await connection.whenOrdered();
  return { era: 'session', ...introduced };
}

async function greetStateless(connection: Connection, hello: Hello, timeoutMs: number): Promise<Greeting> {
  const introduced = await discover(senderOn(connection), hello, timeoutMs);
  connection.era = 'stateless';
  return { era: 'stateless', ...introduced };
}

function senderOn(connection: Connection): SendHello {
  return (outgoing) => connection.request(outgoing, { silent: true });
}

/** Opens a channel and greets the server; ends the channel when that fails. */
async function start(
  attempt: Attempt,
  greeting: (connection: Connection) => Promise<Omit<Found, 'connection'>>,
): Promise<Found> {
  await attempt.ending;
  const { now, opensFree } = attempt.options;
  const beganMs = now();
  const connection = await openConnection(attempt.options);
  if (opensFree === true) attempt.endsAtMs += now() - beganMs;
  try {
    return { connection, ...(await greeting(connection)) };
  } catch (error) {
    attempt.ending = connection.close();
    throw error;
  }
}

/** The server is there and answered, but not as one of that era. */
function isWrongEra(error: unknown): boolean {
  return error instanceof OtherEraError || (error instanceof UpstreamError && error.reason === 'protocol');
}

function erasOf({ era, server }: Greeting): readonly Era[] {
  const both = era === 'stateless' && server.revisions.some(isSessionRevision);
  return both ? ['stateless', 'session'] : [era];
}
