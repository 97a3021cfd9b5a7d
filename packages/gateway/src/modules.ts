/**
 * The bill of materials: every room of the gateway, provisioned from the configuration and given as functions what it
 * needs of the others. Nothing is started here.
 */

import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Principal, Served, Session, Visitor } from '@sallyport/server';
import { Drain, type Admission } from './admission/index.ts';
import { createBridge, type Bridge } from './bridge/index.ts';
import { resultText } from './bridge/result-text.ts';
import { logIdOf, TASK_STATUS, type Audience, type Call } from './call.ts';
import { CatalogRoom, LIST_KINDS, type CatalogOptions, type CatalogView, type ListKind } from './catalog/index.ts';
import { announced, kindsChangedBy } from './catalog/snapshot.ts';
import { sourceOf } from './catalog/source.ts';
import type { Config, ServerConfig } from './config/index.ts';
import { sealing } from './credentials/index.ts';
import { describeError, type LogFailure } from './errors.ts';
import { sessionKey } from './isolation/index.ts';
import { Projects } from './isolation/project.ts';
import { createNotices } from './notices.ts';
import { createPipeline, type Pipeline } from './pipeline.ts';
import { createExplain, type Explain, type Policy } from './policy/index.ts';
import { SSE_PATH, type RoomOptions, type Rooms } from './rooms.ts';
import { catalogSetup, enabledServers, upstreamServer } from './servers.ts';
import { createSteps, openAdmission, setTimer, type StepParts } from './steps.ts';
import type { StoreValue } from './store/index.ts';
import { SubscriptionsRoom } from './subscriptions/index.ts';
import { createAnnotationsOf, TaskRoom, type TasksOptions } from './tasks/index.ts';
import { listsTasks, listTasks } from './tasks/list.ts';
import { callFacts, createMeasure, type Measure } from './telemetry/measure.ts';
import { ask, askRoots, unasked } from './upstream/cause.ts';
import { UpstreamRoom, type UpstreamRoomOptions } from './upstream/index.ts';
import { metaText } from './upstream/request-text.ts';
import { statusFor } from './upstream/send.ts';

export function createRooms(options: RoomOptions): Rooms {
  return new Assembly(options);
}

/** The rooms, each made of what it is given of the others. They reach each other only when all of them stand. */
class Assembly implements Rooms {
  readonly upstreams: UpstreamRoom;
  readonly catalog: CatalogRoom;
  readonly served: Served;
  readonly #options: RoomOptions;
  #config: Config;
  /** Enabled ones, in configuration order. */
  #servers: readonly ServerConfig[];
  readonly #sessions: Set<Session> = new Set();
  readonly #drain: Drain = new Drain();
  readonly #admission: Admission;
  #policy: Policy;
  readonly #subscriptions: SubscriptionsRoom;
  readonly #tasks: TaskRoom;
  readonly #projects: Projects;
  readonly #bridge: Bridge;

  constructor(options: RoomOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#policy = options.policy;
    this.#servers = enabledServers(options.config);
    this.upstreams = new UpstreamRoom(this.#upstreamOptions());
    this.catalog = new CatalogRoom(this.#catalogOptions());
    this.#admission = openAdmission(options, () => this.#config.limits, this.upstreams);
    this.#subscriptions = new SubscriptionsRoom({
      ownerOf: (uri, { audience, endpoint }) => this.catalog.view(endpoint, audience).ownerOf(uri),
      audienceOf: (visitor) => this.#audienceOf(visitor),
      changeBetween: (before, after) => {
        const [seen, sees] = [before, after].map((each) => this.catalog.view(each.endpoint, each.audience));
        const change = (sees as CatalogView).changeFrom(seen as CatalogView);
        return { kinds: announced(change.kinds), owners: change.owners };
      },
      supports: (server) => this.catalog.root.can(server, 'resources', 'subscribe'),
      want: (server, uris) => this.upstreams.want(server, uris),
      info: options.info,
      limits: () => this.#config.limits,
      setTimer,
    });
    this.#tasks = new TaskRoom(this.#taskOptions());
    const home = options.env['HOME'] ?? options.env['USERPROFILE'];
    this.#projects = new Projects({
      isNoProject: (folder) => dirname(folder) === folder || folder === home,
      askRoots,
      ...sealing(options.stateKey),
    });
    this.#bridge = this.#createBridge();
    this.served = this.#serve(createPipeline(createSteps(this.#stepParts()), this.#logFailure, this.#measure));
  }

  get sessions(): Iterable<Session> {
    return this.#sessions;
  }

  get parkedCalls(): number {
    return this.#bridge.parked;
  }

  get config(): Config {
    return this.#config;
  }

  place(path: string, query: string, principal: Principal): string | undefined {
    const audience = this.#audienceOf({ endpoint: path, principal });
    const placed = this.catalog.place(path, query, audience);
    return typeof placed === 'object' && 'name' in placed ? placed.name : undefined;
  }

  get explain(): Explain {
    const { now, rolesOfKey } = this.#options;
    return createExplain({
      policy: () => this.#policy,
      whole: (view, audience) => this.catalog.viewNamed(view, audience),
      rolesOfKey,
      now,
    });
  }

  replace(config: Config, policy: Policy): void {
    const servers = enabledServers(config);
    const before = this.#subscriptions.standing();
    this.#policy = policy;
    const { gone, removed } = this.catalog.replace(catalogSetup(config));
    this.upstreams.replace(servers.map(upstreamServer), config.limits.drainMs);
    this.#config = config;
    this.#servers = servers;
    this.#subscriptions.audiencesChanged(before);
    this.#subscriptions.serversRemoved(removed);
    for (const endpoint of gone) this.#subscriptions.endpointGone(endpoint);
  }

  drain(): Promise<void> {
    const idle = this.#drain.begin();
    this.#subscriptions.close();
    this.#bridge.close();
    return idle;
  }

  async close(): Promise<void> {
    await Promise.all([this.upstreams.close(), this.#admission.close()]);
  }

  destroy(): void {
    this.upstreams.destroy();
  }

  #upstreamOptions(): UpstreamRoomOptions {
    const { config, emptyFolder, env, info, log, now, reaper, store } = this.#options;
    return {
      servers: this.#servers.map(upstreamServer),
      reaper,
      emptyFolder,
      env,
      info,
      maxMessageBytes: config.limits.upstreamMessageBytes,
      verdicts: {
        get: async (key) => (await store.get('verdicts', key))?.value as never,
        put: async (key, verdict) => void (await store.put('verdicts', key, { ...verdict, eras: [...verdict.eras] })),
      },
      onEvent: (server, event) => this.#options.metrics.server(server, event),
      onUp: (server, leg, instance) => {
        // The gateway's own instance gives the lists: what it may see is what everybody may.
        if (instance !== undefined) return this.#subscriptions.renew(server);
        // A server may be up in both eras: one leg gives the lists, so that they do not change with whoever asked last.
        this.#refresh(server, this.upstreams.legs(server)[0] === leg ? LIST_KINDS : []);
        this.#subscriptions.renew(server);
      },
      onNotification: (server, message, instance) => {
        const kinds = kindsChangedBy(message.method);
        if (kinds.length > 0) this.#refresh(server, kinds);
        else if (message.method === 'notifications/resources/updated')
          this.#subscriptions.updated(server, message, instance?.owner);
        else if (message.method === TASK_STATUS) this.#tasks.status(server, message);
        else log('debug', 'a notification that concerns nobody', { server, method: message.method });
      },
      log,
      now,
    };
  }

  #catalogOptions(): CatalogOptions {
    const { config, info, log, now, store } = this.#options;
    return {
      setup: catalogSetup(config),
      roots: [config.listen.path, SSE_PATH, 'stdio'],
      watched: () => this.#subscriptions.vantages(),
      info,
      deadlineMs: () => this.#config.limits.listDeadlineMs,
      load: async (server) => (await store.get('catalog', server))?.value,
      save: async (server, snapshot) => void (await store.put('catalog', server, snapshot as unknown as StoreValue)),
      start: async (server) => {
        const leg = await this.upstreams.leg(server, 'stateless');
        const legs = this.upstreams.legs(server);
        return sourceOf(legs.length === 0 ? [leg] : legs);
      },
      problem: (server) => this.upstreams.problem(server),
      onChanged: (vantage, { kinds, owners }) => {
        this.#subscriptions.listChanged(vantage, announced(kinds));
        if (owners) this.#subscriptions.ownersChanged(vantage);
      },
      log,
      now,
    };
  }

  #taskOptions(): TasksOptions {
    const { handleKey, log } = this.#options;
    return {
      ...sealing(handleKey),
      textOf: resultText,
      servers: (visitor) => this.#viewOf(visitor).servers.filter((name) => listsTasks(this.upstreams.legs(name))),
      audienceOf: (visitor) => this.#audienceOf(visitor),
      annotationsOf: createAnnotationsOf(() => this.catalog.root.catalog.tools),
      list: (server) => listTasks(this.upstreams.legs(server), this.#config.limits.listDeadlineMs),
      log,
    };
  }

  #stepParts(): StepParts {
    return {
      options: this.#options,
      limits: () => this.#config.limits,
      policy: () => this.#policy,
      drain: this.#drain,
      admission: this.#admission,
      upstreams: this.upstreams,
      subscriptions: this.#subscriptions,
      tasks: this.#tasks,
      projects: this.#projects,
      bridge: this.#bridge,
      view: (visitor) => this.#viewOf(visitor),
      viewNameOf: (endpoint) => this.catalog.viewNameOf(endpoint),
      levelChanged: this.#levelChanged,
      randomId,
    };
  }

  /** Undefined without a policy: everything may be seen then. */
  #audienceOf({ endpoint, principal }: Visitor): Audience | undefined {
    if (this.#config.policy === undefined) return undefined;
    return this.#policy.audienceOf(principal, this.catalog.viewNameOf(endpoint));
  }

  #notices(): Served['notified'] {
    const { log, now } = this.#options;
    return createNotices({
      serversOf: (session) => this.#viewOf(session).servers,
      decide: ({ endpoint, principal }, server, { method, params }) =>
        this.#policy.decide({
          principal,
          target: { kind: 'server', server, canonicalId: method },
          arguments: params ?? {},
          nowMs: now(),
          view: this.catalog.viewNameOf(endpoint),
        }),
      rootsChanged: (session) => this.#projects.rootsChanged(session),
      tell: (server, message) => this.upstreams.notify(server, 'session', message),
      log,
      now,
    });
  }

  #viewOf(visitor: Visitor): CatalogView {
    return this.catalog.view(visitor.endpoint, this.#audienceOf(visitor));
  }

  #createBridge(): Bridge {
    const { now, stateKey } = this.#options;
    return createBridge({
      metaText,
      ask: ({ exchange }, method, params) => ask(exchange, method, params, this.#config.limits.humanMs),
      unasked,
      needLevel: (leg, level) => this.upstreams.needLevel(leg, level),
      statusFor: (answer) => statusFor(answer, 'stateless'),
      ...sealing(stateKey),
      requestStateMs: this.#config.limits.requestStateMs,
      randomId,
      now,
    });
  }

  #serve(pipeline: Pipeline): Served {
    const { info } = this.#options;
    return {
      describe: (visitor, era) => {
        const view = this.#viewOf(visitor);
        const { tasks, ...shared } = view.capabilities();
        const capabilities = era === 'session' && tasks !== undefined ? { ...shared, tasks } : shared;
        return { info, capabilities, instructions: view.instructions() };
      },
      handle: (exchange) => pipeline.handle(exchange),
      notified: this.#notices(),
      sessionOpened: (session) => {
        this.#sessions.add(session);
        this.#subscriptions.sessionOpened(session);
      },
      sessionChanged: (session, principal) => {
        const { endpoint } = session;
        this.#subscriptions.principalChanged(session, {
          endpoint,
          audience: this.#audienceOf({ endpoint, principal }),
        });
      },
      sessionClosed: (session) => {
        this.#sessions.delete(session);
        this.#subscriptions.sessionClosed(session);
        this.#tasks.sessionClosed(session);
        this.#levelChanged();
        this.upstreams.release(sessionKey(session));
      },
    };
  }

  readonly #levelChanged = (): void => this.upstreams.setLevels([...this.#sessions].map(({ logLevel }) => logLevel));

  get #measure(): Measure<Call> {
    const { log, metrics } = this.#options;
    return createMeasure({ metrics, log, logId: logIdOf, monotonic: () => performance.now() });
  }

  readonly #logFailure: LogFailure = (logId, call, error) => {
    const detail = { ...callFacts(call, logId), error: describeError(error) };
    this.#options.log(call.exchange.cancelled ? 'debug' : 'warn', 'a call failed', detail);
  };

  #refresh(server: string, kinds: readonly ListKind[]): void {
    const legs = this.upstreams.legs(server);
    if (legs.length > 0) void this.catalog.refresh(server, sourceOf(legs), kinds);
  }
}

/** Nobody guesses it. */
function randomId(): string {
  return randomBytes(16).toString('base64url');
}
