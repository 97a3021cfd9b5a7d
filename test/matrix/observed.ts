/** What a wire shows of its revision, and words on it that belong to the other era. */
import { isStateless, sendsVersionHeader } from './revisions.ts';
import type { Revision } from './revisions.ts';
import type { MatrixClient } from './client.ts';
import type { RevisionServer } from './server.ts';
import { metaOf, textFor } from './wire.ts';
import type { Message, Seen } from './wire.ts';

const PROTOCOL_VERSION = 'io.modelcontextprotocol/protocolVersion';

/** Text that has no business in a session of any revision. */
const STATELESS_WORDS = [
  'server/discover',
  '"resultType"',
  '"ttlMs"',
  '"cacheScope"',
  'io.modelcontextprotocol/',
  '"inputRequests"',
  '"inputResponses"',
  '"requestState"',
  'input_required',
  'subscriptions/listen',
  'notifications/subscriptions',
];

/** Methods that no stateless peer may hear; requests of servers are found by their form. */
const SESSION_METHODS: ReadonlySet<string> = new Set([
  'initialize',
  'notifications/initialized',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'notifications/roots/list_changed',
  'notifications/elicitation/complete',
]);

/** The revisions that a client was spoken to in. */
export function seenByClient(client: MatrixClient): string {
  return client.negotiated;
}

/**
 * The revisions in which a server was spoken to, since `from` where anything came since: over HTTP those of the headers,
 * in the stateless era also those of the envelopes, on stdio in the session era that of the only handshake.
 */
export function seenByServer({ revision, tape }: RevisionServer, from: number): string {
  const since = requests(tape.incoming(from));
  const messages = since.length > 0 ? since : requests(tape.incoming());
  const revisions = new Set(messages.flatMap((seen) => revisionsOf(seen, revision, agreed(tape.items))));
  return [...revisions].toSorted().join(' and ') || 'none';
}

function requests(all: readonly Seen[]): Seen[] {
  return all.filter(({ message: { method } }) => method !== undefined && !isHandshake(method));
}

function isHandshake(method: string): boolean {
  return method === 'initialize' || method === 'server/discover' || method === 'notifications/initialized';
}

/** What this side answered to `initialize`. */
function agreed(items: readonly Seen[]): string {
  const answers = items.flatMap(({ direction, message }) =>
    direction === 'out' && message.result?.['protocolVersion'] !== undefined ? [message.result['protocolVersion']] : [],
  );
  return answers.length === 0 ? 'no session' : textFor(answers.at(-1));
}

function revisionsOf({ message, headers }: Seen, revision: Revision, session: string): string[] {
  const isHttp = headers['host'] !== undefined;
  const header = headers['mcp-protocol-version'];
  const isMissing = header === undefined && sendsVersionHeader(revision);
  const ofHeader = isHttp && (header !== undefined || isMissing) ? [String(header ?? 'no header')] : [];
  if (!isStateless(revision)) return [session, ...ofHeader];
  if (message.id === undefined) return ofHeader;
  return [textFor(metaOf(message)[PROTOCOL_VERSION] ?? 'no envelope'), ...ofHeader];
}

/** What of the other era came to a client. */
export function leaksToClient(revision: Revision, incoming: readonly Seen[]): string[] {
  return incoming.flatMap((seen) => {
    if (!isStateless(revision)) return statelessWords(seen);
    const { message, headers } = seen;
    return [
      ...(headers['mcp-session-id'] === undefined ? [] : [`session id with ${seen.text}`]),
      ...(message.method !== undefined && message.id !== undefined ? [`a request: ${seen.text}`] : []),
      ...(message.result !== undefined && message.result['resultType'] === undefined ? [`no type: ${seen.text}`] : []),
      ...sessionMethod(message),
    ];
  });
}

/**
 * What of the other era came to a server. With `mayProbe`, but for the one question by which the gateway finds out what
 * it speaks: `server/discover` for a server of the session era, `initialize` for a stateless one.
 */
export function leaksToServer(revision: Revision, incoming: readonly Seen[], mayProbe: boolean): string[] {
  const probe = isStateless(revision) ? 'initialize' : 'server/discover';
  const first = mayProbe ? incoming.find(({ message }) => message.method === probe) : undefined;
  const others = incoming.filter((seen) => seen !== first);
  return others.flatMap((seen) => (isStateless(revision) ? toStatelessServer(seen) : statelessWords(seen)));
}

function toStatelessServer({ message, headers, text }: Seen): string[] {
  const isHttp = headers['host'] !== undefined;
  return [
    ...(headers['mcp-session-id'] === undefined ? [] : [`session id with ${text}`]),
    ...(message.method === undefined ? [`a response: ${text}`] : []),
    ...(isHttp && message.method === 'notifications/cancelled' ? [`a cancellation: ${text}`] : []),
    ...sessionMethod(message),
  ];
}

function statelessWords({ text }: Seen): string[] {
  return STATELESS_WORDS.filter((word) => text.includes(word)).map((word) => `${word} in ${text}`);
}

function sessionMethod({ method }: Message): string[] {
  return method !== undefined && SESSION_METHODS.has(method) ? [method] : [];
}
