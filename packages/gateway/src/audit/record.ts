/**
 * What a record says, as JSON members: of a call, and of anything else. Names are foreign text and pass the redactor, each
 * once as long as it is known; arguments and results stand in a record only where that was asked for. A call is kept as it
 * ended and becomes text later, off its path.
 */

import { hash } from 'node:crypto';
import type { Answer, Principal } from '@sallyport/server';
import { nameOf as nameIn, type ErrorKey } from '@sallyport/wire';
import { logIdOf, type Call } from '../call.ts';
import type { Entry } from './trail.ts';
import type { AuditDecision, AuditEvent, AuditType, RecordedPeople } from './types.ts';

export interface RecordOptions {
  /** Without secrets and control characters, and bounded. */
  readonly redact: {
    text(text: string): string;
    detail(detail: Readonly<Record<string, unknown>>): Record<string, unknown>;
  };
  readonly people: RecordedPeople;
  /** Arguments and results stand in the records. */
  readonly values: boolean;
  /** The trace that a call belongs to, 32 hexadecimal digits. */
  readonly traceIdOf: (exchange: Call['exchange']) => string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface RecordMaker {
  ofCall(call: Call, answer: Answer, durationMs: number): Entry & { readonly type: AuditType };
  ofEvent(event: AuditEvent): Entry;
  /** The members of an event that happens now. */
  eventText(event: AuditEvent): string;
}

/** Requests and results of more bytes are not hashed: that would hold up every other call. */
const MAX_HASHED_BYTES = 64 * 1024;
/** Names that are known at a time. */
const MAX_KNOWN = 2000;

/** What of the error table is no refusal of ours. */
const FAILED: ReadonlySet<ErrorKey> = new Set(['internal', 'unavailable', 'upstream_timeout']);

export function createRecordMaker(options: RecordOptions): RecordMaker {
  const texts = new Texts(options.redact);
  const parts: Parts = { ...options, texts };
  const eventText = (event: AuditEvent, timeMs = options.now()): string => textOfEvent(event, timeMs, parts);
  return {
    ofCall: (call, answer, durationMs) => {
      const facts = factsOf(call, answer, durationMs, parts);
      return { type: facts.type, text: () => textOfCall(facts, parts) };
    },
    ofEvent: (event) => {
      const timeMs = options.now();
      return { text: () => eventText(event, timeMs) };
    },
    eventText,
  };
}

interface Parts extends RecordOptions {
  readonly texts: Texts;
}

/** Foreign texts as JSON. Those that come again and again are looked at once. */
class Texts {
  readonly #redact: RecordOptions['redact'];
  #known: Map<string, string> = new Map();

  constructor(redact: RecordOptions['redact']) {
    this.#redact = redact;
  }

  of(text: string): string {
    let shown = this.#known.get(text);
    if (shown !== undefined) return shown;
    shown = this.once(text);
    if (this.#known.size >= MAX_KNOWN) this.#known = new Map();
    if (text.length <= 256) this.#known.set(text, shown);
    return shown;
  }

  maybe(text: string | undefined): string | undefined {
    return text === undefined ? undefined : this.of(text);
  }

  /** What does not come again. */
  once(text: string): string {
    return JSON.stringify(this.#redact.text(text));
  }
}

/** What is kept of a call that has ended: nothing of a large request or result. */
interface CallFacts {
  readonly type: AuditType;
  readonly timeMs: number;
  readonly durationMs: number;
  readonly upstreamMs: number | undefined;
  readonly principal: Principal;
  readonly address: string | undefined;
  readonly method: string;
  readonly endpoint: string;
  readonly transport: string;
  readonly target: Call['target'];
  /** What was asked for, where it was found nowhere. */
  readonly asked: string | undefined;
  readonly ruled: Call['decision'];
  readonly policyVersion: string | undefined;
  readonly decision: AuditDecision;
  readonly failure: ErrorKey | undefined;
  /** What its client reads of it. */
  readonly error: string | undefined;
  readonly isCancelled: boolean;
  readonly bytesIn: number;
  readonly arguments: unknown;
  readonly result: ResultFacts | undefined;
  readonly id: string;
  /** The id of the call in whose midst it was made, and the tool of ours through which it was meant. */
  readonly parent: string | undefined;
  readonly via: string | undefined;
  readonly trace: string | undefined;
}

interface ResultFacts {
  readonly bytes: number;
  /** The response around its id; absent where it is not hashed. */
  readonly before: Buffer | undefined;
  readonly after: Buffer | undefined;
}

function factsOf(call: Call, answer: Answer, durationMs: number, { now, traceIdOf }: Parts): CallFacts {
  const { exchange, failure, target } = call;
  const { message } = exchange;
  const decision = decisionOf(failure, answer);
  const bytesIn = Buffer.byteLength(exchange.text);
  return {
    type: target === undefined || decision === 'deny' ? 'authorization' : 'server_access',
    timeMs: now(),
    durationMs,
    upstreamMs: call.upstreamMs,
    principal: exchange.session?.principal ?? exchange.principal,
    address: exchange.address,
    method: message.method,
    endpoint: exchange.endpoint,
    transport: exchange.transport,
    target,
    asked: target === undefined ? nameIn(message.method, message.params) : undefined,
    ruled: call.decision,
    policyVersion: call.policyVersion,
    decision,
    failure,
    error: answer.kind === 'error' ? answer.error.message : undefined,
    isCancelled: exchange.cancelled,
    bytesIn,
    arguments: bytesIn <= MAX_HASHED_BYTES ? message.params?.['arguments'] : undefined,
    result: answer.kind === 'result' ? resultFacts(answer, target !== undefined) : undefined,
    id: logIdOf(call),
    parent: call.outer && logIdOf(call.outer),
    via: call.via?.name,
    trace: traceIdOf(exchange),
  };
}

/** What still flows is not hashed. */
function resultFacts({ after, before, rest }: Answer & { readonly kind: 'result' }, ofServer: boolean): ResultFacts {
  const bytes = before.length + after.length + (rest?.bytes ?? 0);
  const isHashed = ofServer && rest === undefined && bytes <= MAX_HASHED_BYTES;
  return { bytes, before: isHashed ? before : undefined, after: isHashed ? after : undefined };
}

function textOfCall(facts: CallFacts, parts: Parts): string {
  const { people, texts } = parts;
  const { policyVersion, ruled, target, trace } = facts;
  const asked = facts.asked === undefined ? undefined : texts.once(facts.asked);
  return (
    `${headOf(facts.timeMs, facts.type)},"principal":${texts.of(people.principal(facts.principal))}` +
    member('address', texts.maybe(people.address(facts.address, facts.principal))) +
    member('action', texts.of(facts.method)) +
    member('target', target === undefined ? asked : texts.of(target.canonicalId)) +
    member('server', texts.maybe(target?.server)) +
    member('decision', `"${facts.decision}"`) +
    member('rule', texts.maybe(ruled?.rule)) +
    // What a person said, where the policy wants one to be asked.
    (ruled?.effect === 'ask' ? member('approved', String(facts.upstreamMs !== undefined)) : '') +
    member('policyVersion', texts.maybe(policyVersion)) +
    outcomeOf(facts, texts) +
    contentOf(facts, parts) +
    member('correlationId', `"${facts.id}"`) +
    (facts.parent === undefined ? '' : member('parent', `"${facts.parent}"`)) +
    (facts.via === undefined ? '' : member('via', `"${facts.via}"`)) +
    (trace === undefined ? '' : member('trace', `"${trace}"`)) +
    `,"transport":"${facts.transport}","endpoint":${texts.of(facts.endpoint)}`
  );
}

/** `,"name":json`; nothing where there is nothing to say. */
function member(name: string, json: string | number | undefined): string {
  return json === undefined ? '' : `,"${name}":${json}`;
}

function outcomeOf(facts: CallFacts, texts: Texts): string {
  const { failure, upstreamMs } = facts;
  return (
    (failure === undefined ? '' : member('error', `"${failure}"`)) +
    member('reason', texts.maybe(reasonOf(facts))) +
    (facts.isCancelled ? member('cancelled', 'true') : '') +
    member('durationMs', rounded(facts.durationMs)) +
    (upstreamMs === undefined ? '' : member('upstreamMs', rounded(upstreamMs))) +
    member('bytesIn', facts.bytesIn) +
    member('bytesOut', facts.result?.bytes)
  );
}

/** Ours alone: what a server says of a failure is its own text. */
function reasonOf({ error, failure, ruled }: CallFacts): string | undefined {
  if (failure !== undefined) return error;
  return error === undefined ? ruled?.reason : 'The server answered with an error.';
}

function contentOf(facts: CallFacts, { redact, texts, values }: Parts): string {
  const { after, before } = facts.result ?? {};
  let text = '';
  if (facts.arguments !== undefined) {
    text += member('argumentsHash', `"${hash('sha256', JSON.stringify(facts.arguments))}"`);
    if (values) text += member('arguments', JSON.stringify(redact.detail({ value: facts.arguments })['value']));
  }
  if (before !== undefined && after !== undefined) {
    const bytes = Buffer.concat([before, after]);
    text += member('resultHash', `"${hash('sha256', bytes)}"`);
    if (values) text += member('result', texts.once(bytes.toString('utf8')));
  }
  return text;
}

function decisionOf(failure: ErrorKey | undefined, answer: Answer): AuditDecision {
  if (failure !== undefined) return FAILED.has(failure) ? 'error' : 'deny';
  return answer.kind === 'error' ? 'error' : 'allow';
}

function headOf(timeMs: number, type: AuditType): string {
  return `"time":"${new Date(timeMs).toISOString()}","type":"${type}"`;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** Their target is the name of somebody, as it was typed; of who is forgotten it is no name. */
const ABOUT_SOMEBODY = /^(?:key\.|principal\.(?!forget$))/;

function textOfEvent(event: AuditEvent, timeMs: number, { people, redact, texts }: Parts): string {
  const { detail, facts, principal } = event;
  const { reason, target } = ABOUT_SOMEBODY.test(event.action) ? withoutName(event, people) : event;
  return (
    headOf(timeMs, event.type) +
    (principal === undefined ? '' : member('principal', texts.of(people.principal(principal)))) +
    member('address', texts.maybe(people.address(event.address, principal))) +
    member('action', texts.of(event.action)) +
    member('target', texts.maybe(target)) +
    member('server', texts.maybe(event.server)) +
    member('decision', `"${event.decision}"`) +
    member('rule', texts.maybe(event.rule)) +
    (reason === undefined ? '' : member('reason', texts.once(reason))) +
    member('correlationId', texts.maybe(event.correlationId)) +
    membersOf(facts && without(facts)) +
    membersOf(detail && redact.detail(without(detail)))
  );
}

/** A name that the reason quotes stands there as it does for a target. */
function withoutName(
  { reason, target }: AuditEvent,
  people: RecordedPeople,
): { readonly reason: string | undefined; readonly target: string | undefined } {
  if (target === undefined) return { reason, target };
  const shown = people.typed(target);
  const quoted = new RegExp(`(?<![\\w-])${target.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')}(?![\\w-])`, 'g');
  return { reason: shown === target ? reason : reason?.replaceAll(quoted, shown), target: shown };
}

function membersOf(value: object | undefined): string {
  const members = JSON.stringify(value ?? {}).slice(1, -1);
  return members === '' ? '' : `,${members}`;
}

/** Members that a record has itself are not a detail's to set. */
const OWN: ReadonlySet<string> = new Set(
  'seq time type principal address action target server decision rule reason correlationId prev hash mac'.split(' '),
);

function without(detail: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(detail).map(([name, value]) => [OWN.has(name) ? `${name}_` : name, value]));
}
