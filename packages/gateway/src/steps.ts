/**
 * The steps of the route, each made of what it is given of the rooms. Their order is in pipeline.ts; that they reach each other
 * is modules.ts.
 */

import { principalKey, type Exchange, type Visitor } from '@sallyport/server';
import { createAdmission, type Admission, type Drain } from './admission/index.ts';
import { createApprove } from './approval/index.ts';
import type { Bridge } from './bridge/index.ts';
import { sessionAnswer, sessionQuestion } from './bridge/input.ts';
import type { CatalogView } from './catalog/index.ts';
import { createList } from './catalog/list-step.ts';
import { createResolve, refuseUnknown } from './catalog/resolve.ts';
import { sealing } from './credentials/index.ts';
import { Refused } from './errors.ts';
import { createIsolate } from './isolation/index.ts';
import type { Projects } from './isolation/project.ts';
import type { Steps } from './pipeline.ts';
import { createAuthorize, type Policy } from './policy/index.ts';
import type { RoomOptions } from './rooms.ts';
import type { SubscriptionsRoom } from './subscriptions/index.ts';
import { createSessionStep } from './subscriptions/session-step.ts';
import type { TaskRoom } from './tasks/index.ts';
import { paramsWith } from './upstream/arguments.ts';
import { ask, causeOf, unasked, type CauseOptions } from './upstream/cause.ts';
import type { UpstreamRoom } from './upstream/index.ts';
import { createSend, type SendOptions } from './upstream/send.ts';

export interface StepParts {
  readonly options: RoomOptions;
  /** In force. */
  readonly limits: () => RoomOptions['config']['limits'];
  readonly policy: () => Policy;
  readonly drain: Drain;
  readonly admission: Admission;
  readonly upstreams: UpstreamRoom;
  readonly subscriptions: SubscriptionsRoom;
  readonly tasks: TaskRoom;
  readonly projects: Projects;
  readonly bridge: Bridge;
  /** What somebody sees. */
  readonly view: (visitor: Visitor) => CatalogView;
  readonly viewNameOf: (endpoint: string) => string | undefined;
  readonly levelChanged: () => void;
  readonly randomId: () => string;
}

export function createSteps(parts: StepParts): Steps {
  const { admission, projects, subscriptions, tasks, upstreams, view } = parts;
  const { challenge, cursorKey, now } = parts.options;
  const { admit, admitTarget, takeTurn } = admission;
  const cursors = sealing(cursorKey);
  const authorize = createAuthorize({ policy: parts.policy, viewOf: parts.viewNameOf, refuseUnknown, challenge, now });
  return {
    drain: parts.drain.step,
    admit,
    resolve: createResolve({ view, openTaskId: (taskId, call) => tasks.open(taskId, call) }),
    authorize,
    admitTarget,
    approve: approveStep(parts),
    tasks: tasks.step,
    isolate: createIsolate({
      isolation: (server) => upstreams.isolation(server),
      project: (exchange) => projects.find(exchange),
    }),
    takeTurn,
    confirm: confirmStep(authorize, parts.policy),
    send: createSend({
      ready: (server, era, instance) => upstreams.ready(server, era, instance),
      leg: (server, era, instance) => upstreams.leg(server, era, instance),
      timeouts: (server, method) => upstreams.timeouts(server, method),
      monotonic: () => performance.now(),
      ...bridging(parts),
    }),
    list: createList({
      view,
      sealCursor: (place, exchange) => cursors.seal(place, bearer(exchange)),
      openCursor: (cursor, exchange) => cursors.unseal(cursor, bearer(exchange)),
    }),
    taskList: tasks.list,
    session: createSessionStep({
      subscriptions,
      levelChanged: parts.levelChanged,
      resourcesReady: (visitor) => view(visitor).ready(['resources', 'templates']),
      mayRead: (exchange, uri) => mayRead(exchange, uri, parts),
    }),
  };
}

/** Rates, quotas and queues, by the limits in force. */
export function openAdmission(
  { log, now, store }: RoomOptions,
  limits: StepParts['limits'],
  upstreams: UpstreamRoom,
): Admission {
  return createAdmission({
    limits,
    records: {
      get: (key) => store.get('quota', key),
      putIf: (key, expected, value, options) => store.putIf('quota', key, expected, value, options),
    },
    callTimeoutMs: (server, method) => upstreams.timeouts(server, method).timeoutMs,
    monotonic: () => performance.now(),
    now,
    setTimer,
    log,
  });
}

/** Need not keep the process alive. */
export function setTimer(fire: () => void, ms: number): () => void {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
}

/** An approval that was given stands; one that nobody was asked for cannot be made up for here. */
function confirmStep(authorize: Steps['authorize'], policy: StepParts['policy']): Steps['confirm'] {
  return (call, next) => {
    const { principal, session } = call.exchange;
    const isSame = call.policyVersion === policy().version && (session?.principal ?? principal) === principal;
    if (isSame) return next(call);
    const before = call.decision?.effect;
    return authorize(call, async (again) => {
      if (again.decision?.effect !== 'ask' || before === 'ask') return await next(again);
      throw new Refused('refused', 'The policy has changed while the call waited: send it again.');
    });
  };
}

function approveStep({ limits, options, randomId }: StepParts): Steps['approve'] {
  const { now, stateKey, store } = options;
  return createApprove({
    ...sealing(stateKey),
    canAsk: (call) => unasked(call, 'elicitation/create', undefined) === undefined,
    ask: (exchange, method, params) => ask(exchange, method, params, limits().humanMs),
    use: (nonce, expiresAtMs) => store.putIf('approval', nonce, 'absent', true, { expiresAtMs }),
    requestStateMs: () => limits().requestStateMs,
    sent: ({ exchange: { message }, target }) => paramsWith(message.params ?? {}, target?.argumentRules),
    salt: options.config.store === 'memory' ? randomId() : '',
    randomId,
    now,
  });
}

/** Who gets what a server says meanwhile, in one era and across eras. */
function bridging({ bridge, limits, randomId, tasks }: StepParts): Pick<SendOptions, 'cause' | 'bridge'> {
  const causeOptions: CauseOptions = {
    humanMs: () => limits().humanMs,
    shown: tasks.shown.bind(tasks),
    questionIn: (revision, method, params) => sessionQuestion(method, params, revision, randomId),
    answerIn: (revision, method, answer) => sessionAnswer(method, answer, revision),
    taskStatus: tasks.status.bind(tasks),
  };
  return {
    cause: (call, leg) => causeOf(call, leg.revision, causeOptions),
    bridge: (call, leg, compose) => bridge.carry(call, leg, compose),
  };
}

/** A subscription is decided as a read. Nobody is asked about one: what needs a person's yes is not subscribed to. */
function mayRead(exchange: Exchange, uri: string, parts: StepParts): Promise<boolean> | boolean {
  const server = parts.view(exchange).ownerOf(uri);
  if (server === undefined) return false;
  const { address, endpoint, principal, session } = exchange;
  const decision = parts.policy().decide({
    principal: session?.principal ?? principal,
    target: { kind: 'resource', server, canonicalId: uri },
    address,
    nowMs: parts.options.now(),
    view: parts.viewNameOf(endpoint),
  });
  if (!(decision instanceof Promise)) return decision.effect === 'allow';
  return decision.then(({ effect }) => effect === 'allow');
}

/** What a cursor is good for: its caller, and the endpoint that it was given at. */
function bearer({ principal, endpoint }: Exchange): string {
  return `${principalKey(principal)} ${endpoint}`;
}
