/**
 * The steps of the route, each made of what it is given of the rooms. Their order is in pipeline.ts; that they reach each other
 * is modules.ts.
 */

import { dirname } from 'node:path';
import { principalKey, type Answer, type Exchange, type Visitor } from '@sallyport/server';
import { isObject } from '@sallyport/wire';
import { createAdmission, type Admission, type Drain } from './admission/index.ts';
import { createApprove } from './approval/index.ts';
import type { Bridge } from './bridge/index.ts';
import { sessionAnswer, sessionQuestion } from './bridge/input.ts';
import type { Call, Step } from './call.ts';
import type { CatalogView } from './catalog/index.ts';
import { createList } from './catalog/list-step.ts';
import { createResolve, quarantineOf, refuseUnknown } from './catalog/resolve.ts';
import { sealing } from './credentials/index.ts';
import type { Discovery } from './discovery/index.ts';
import { Refused } from './errors.ts';
import type { Interceptors } from './interceptors/index.ts';
import { createIsolate, principalInstance } from './isolation/index.ts';
import { Projects } from './isolation/project.ts';
import { isLocalUser } from './wiring/local.ts';
import type { Announcements } from './logins/announcements.ts';
import { linkPayload } from './logins/link.ts';
import { createListLoginStep } from './logins/list-step.ts';
import { createLoginSteps, type LoginSteps } from './logins/step.ts';
import type { Steps } from './pipeline.ts';
import { createAuthorize, type Policy } from './policy/index.ts';
import type { Results } from './results/index.ts';
import type { RoomOptions } from './rooms.ts';
import type { SubscriptionsRoom } from './subscriptions/index.ts';
import { createSessionStep } from './subscriptions/session-step.ts';
import type { TaskRoom } from './tasks/index.ts';
import { paramsWith } from './upstream/arguments.ts';
import { ask, askRoots, causeOf, unasked, type CauseOptions } from './upstream/cause.ts';
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
  readonly saved: SavedTools;
  readonly interceptors: Pick<Interceptors, 'after' | 'before' | 'isOn'>;
  readonly subscriptions: SubscriptionsRoom;
  readonly tasks: TaskRoom;
  readonly projects: Projects;
  readonly bridge: Bridge;
  readonly discovery: Discovery;
  readonly results: Results;
  readonly announcements: Announcements;
  /** Whether nothing is known of what a server lists for somebody. */
  readonly isUnlisted: (server: string, exchange: Exchange) => boolean;
  /** What somebody sees. */
  readonly view: (visitor: Visitor) => CatalogView;
  readonly viewNameOf: (endpoint: string) => string | undefined;
  readonly levelChanged: () => void;
  readonly randomId: () => string;
}

/** Programs of the configuration that are tools. */
export interface SavedTools {
  /** Whether a server is the one that they belong to. */
  owns(server: string): boolean;
  /** Answers a call of one. */
  run(call: Call): Promise<Answer>;
}

export function createSteps(parts: StepParts): Steps {
  const { admission, discovery, interceptors, projects, saved, subscriptions, tasks, upstreams, view } = parts;
  const { challenge, cursorKey, now } = parts.options;
  const { admit, admitTarget, takeTurn } = admission;
  const cursors = sealing(cursorKey);
  const { login, unknown } = loginSteps(parts);
  const authorize = createAuthorize({ policy: parts.policy, viewOf: parts.viewNameOf, refuseUnknown, challenge, now });
  return {
    drain: parts.drain.step,
    admit,
    leave: (call) => {
      admission.leave(call);
      parts.drain.leave(call);
    },
    clip: parts.results.clip,
    beginOwn: (call) => discovery.begin(call),
    answerOwn: discovery.answer,
    resolve: createResolve({ view, openTaskId: (taskId, call) => tasks.open(taskId, call), unknown }),
    authorize,
    caution: discovery.caution,
    admitTarget,
    intercepts: () => interceptors.isOn(),
    // Whoever is asked next is asked about what would be sent.
    interceptBefore: interceptors.before((call, next) => authorize(call, (again) => discovery.caution(again, next))),
    interceptAfter: interceptors.after,
    approve: approveStep(parts),
    login,
    tasks: tasks.step,
    isolate: createIsolate({
      isolation: (server) => (saved.owns(server) ? 'shared' : upstreams.isolation(server)),
      project: (exchange) => projects.find(exchange),
    }),
    guardIn: parts.options.guard.in,
    takeTurn,
    confirm: confirmStep(authorize, parts),
    guardOut: parts.options.guard.out,
    send: sendStep(parts),
    loginForList: loginForListStep(parts),
    discover: discovery.list,
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

/** Programs of the configuration are run here; everything else goes to its server. */
function sendStep(parts: StepParts): Step {
  const { saved, upstreams } = parts;
  const send = createSend({
    ready: (server, era, instance) => upstreams.ready(server, era, instance),
    leg: (server, era, instance) => upstreams.leg(server, era, instance),
    timeouts: (server, method) => upstreams.timeouts(server, method),
    renewed: (error, server) => parts.options.renewal.after(error, server),
    monotonic: () => performance.now(),
    ...bridging(parts),
  });
  return (call, next) => (saved.owns(call.target?.server ?? '') ? saved.run(call) : send(call, next));
}

/** How long a call waits for its turn: as long as for its answer. */
const OWN_TURN_MS = 60_000;

/** Rates, quotas and queues, by the limits in force. */
export function openAdmission(
  { log, now, store }: RoomOptions,
  limits: StepParts['limits'],
  { saved, upstreams }: Pick<StepParts, 'saved' | 'upstreams'>,
): Admission {
  return createAdmission({
    limits,
    records: {
      get: (key) => store.get('quota', key),
      putIf: (key, expected, value, options) => store.putIf('quota', key, expected, value, options),
    },
    callTimeoutMs: (server, method) =>
      saved.owns(server) ? OWN_TURN_MS : upstreams.timeouts(server, method).timeoutMs,
    monotonic: () => performance.now(),
    now,
    setTimer,
    log,
  });
}

/** The folders that clients work in. */
export function createProjects({ env, stateKey }: RoomOptions): Projects {
  const home = env['HOME'] ?? env['USERPROFILE'];
  return new Projects({
    isNoProject: (folder) => dirname(folder) === folder || folder === home,
    askRoots,
    ...sealing(stateKey),
  });
}

/** Need not keep the process alive. */
export function setTimer(fire: () => void, ms: number): () => void {
  const timer = setTimeout(fire, ms).unref();
  return () => clearTimeout(timer);
}

/** An approval that was given stands; one that nobody was asked for cannot be made up for here. */
function confirmStep(
  authorize: Steps['authorize'],
  { policy, view }: Pick<StepParts, 'policy' | 'view'>,
): Steps['confirm'] {
  return (call, next) => {
    // Its tool may have become another one meanwhile: what a person agreed to is not what would be called.
    const quarantine = quarantineOf(view(call.exchange), call);
    if (quarantine !== undefined) return Promise.reject(quarantine);
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

function loginSteps({ announcements, isUnlisted, limits, options, policy, upstreams, view }: StepParts): LoginSteps {
  const { linkSealing, log, loginLink, logins, openBrowser, stateKey } = options;
  return createLoginSteps({
    log,
    ...sealing(stateKey),
    logins,
    openBrowser,
    unlisted: (exchange) => {
      const servers = view(exchange).known;
      const name = exchange.message.params?.['name'];
      if (typeof name !== 'string') return undefined;
      // No name is known of it, so that what a name of it begins with is all there is to go by.
      const named = servers.length === 1 ? servers : servers.filter((server) => name.startsWith(`${server}__`));
      const mayBring = (server: string): boolean =>
        logins.callers.exchanges(server) || logins.waitsFor(server, exchange.principal);
      return named.find((server) => mayBring(server) && isUnlisted(server, exchange));
    },
    isOwnUser,
    personal: (server) => upstreams.personal(server),
    mayLogInForAll: ({ principal }) => isLocalUser(principal) || policy().rolesOf(principal).has('admin'),
    canShowUrl: ({ client }) => {
      const { elicitation } = client.capabilities;
      return isObject(elicitation) && elicitation['url'] !== undefined;
    },
    linkFor: ({ principal }, { login, owner, server }) =>
      loginLink(principal, linkPayload(server, owner === undefined, login, linkSealing.seal)),
    announce: (session, server, owner) => announcements.add(session, server, owner),
    humanMs: () => limits().humanMs,
  });
}

function loginForListStep({ isUnlisted, limits, options, upstreams, view }: StepParts): Steps['loginForList'] {
  const { logins, openBrowser } = options;
  return createListLoginStep({
    logins,
    openBrowser,
    isOwnUser,
    personal: (server) => upstreams.personal(server),
    unlisted: (exchange) =>
      view(exchange).known.filter((server) => logins.mayNeed(server) && isUnlisted(server, exchange)),
    reach: (server, { era, principal }) => {
      const owner = { key: principalKey(principal), principal };
      return upstreams.leg(server, era, upstreams.personal(server) ? principalInstance(owner) : undefined);
    },
    listDeadlineMs: () => limits().listDeadlineMs,
  });
}

/** A call of this machine's user, made here. */
function isOwnUser({ local, principal }: Exchange): boolean {
  return local !== undefined && isLocalUser(principal);
}

/** Who gets what a server says meanwhile, in one era and across eras. */
function bridging({ bridge, limits, options, randomId, tasks }: StepParts): Pick<SendOptions, 'cause' | 'bridge'> {
  const causeOptions: CauseOptions = {
    humanMs: () => limits().humanMs,
    shown: tasks.shown.bind(tasks),
    questionIn: (revision, method, params) => sessionQuestion(method, params, revision, randomId),
    answerIn: (revision, method, answer) => sessionAnswer(method, answer, revision),
    meanwhile: options.guard.meanwhile,
    taskStatus: (server, message) => {
      if (options.guard.meanwhile.mayTell(server, message.params)) tasks.status(server, message);
    },
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
